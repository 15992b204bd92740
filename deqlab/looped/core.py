"""One application of the core, f(z, e): convolution, injection, L layers, norm."""

from torch import Tensor, nn

from deqlab.looped.block import Layer
from deqlab.looped.choices import Injection
from deqlab.looped.config import LoopedTransformerConfig
from deqlab.looped.convolution import DepthwiseConvolution
from deqlab.looped.injection import make_injection
from deqlab.looped.norms import make_norm
from deqlab.looped.rotary import Rotary
from deqlab.looped.scaling import make_scale


class Core(nn.Module):  # type: ignore[misc]
    """What a loop repeats: z, e (B, T, d) -> (B, T, d)."""

    def __init__(self, config: LoopedTransformerConfig, rotary: Rotary | None) -> None:
        super().__init__()
        width, taps = config.width, config.convolution
        self.convolution = (
            nn.Identity()
            if taps is None
            else DepthwiseConvolution(width, taps, causal=config.causal)
        )
        self.injection = make_injection(config)
        self.scale = make_scale(config)
        self.layers = nn.ModuleList(Layer(config, rotary) for _ in range(config.layers))
        self.inject_qkv = (
            nn.Linear(width, 3 * width * config.layers, bias=config.bias)
            if config.injection is Injection.QKV
            else None
        )
        self.norm = make_norm(config, width) if config.loop_norm else nn.Identity()

    def forward(self, z: Tensor, e: Tensor, mask: Tensor | None = None) -> Tensor:
        """One loop; where mask (B, T) is False the state is 0."""
        coefficients = self.scale()
        h = self.injection(self.convolution(z), e, coefficients)
        if self.inject_qkv is None:
            for layer in self.layers:
                h = layer(h, mask, None, coefficients)
        else:
            injected = self.inject_qkv(e).chunk(len(self.layers), dim=-1)
            for layer, own in zip(self.layers, injected, strict=True):
                h = layer(h, mask, own, coefficients)
        h = self.norm(h)
        return h if mask is None else h * mask[..., None]
