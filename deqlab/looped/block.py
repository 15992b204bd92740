"""One transformer layer: a mixer of positions, then a position-wise net, each a residual sub-layer.

    sub-layer   h ↦ after(skip · h + branch · within(F(before(h))))

of whose three norms the placement switches on:  pre: before;  post: after;  sandwich, branch:
before and within;  sandwich, dual: before and after.
"""

from torch import Tensor, nn

from deqlab.looped.attention import Attention
from deqlab.looped.choices import Mixer, NormPlacement
from deqlab.looped.config import LoopedTransformerConfig
from deqlab.looped.feed_forward import FeedForward
from deqlab.looped.norms import OverPositions, make_norm
from deqlab.looped.rotary import Rotary
from deqlab.looped.scaling import Coefficients


class SubLayer(nn.Module):  # type: ignore[misc]
    """F with its residual connection and its norms; `over_positions` turns the norms along T."""

    def __init__(
        self,
        function: nn.Module,
        config: LoopedTransformerConfig,
        *,
        over_positions: bool = False,
    ) -> None:
        super().__init__()
        self.function = function
        place = config.norm

        def norm(present: bool) -> nn.Module:
            if not present:
                return nn.Identity()
            if over_positions:
                return OverPositions(make_norm(config, config.max_length or 0))
            return make_norm(config, config.width)

        self.before = norm(place is not NormPlacement.POST)
        self.within = norm(place is NormPlacement.SANDWICH_BRANCH)
        self.after = norm(place in (NormPlacement.POST, NormPlacement.SANDWICH_DUAL))

    def forward(self, h: Tensor, coefficients: Coefficients, *more: Tensor | None) -> Tensor:
        """(B, T, d) -> (B, T, d); `more` goes to F."""
        y = self.within(self.function(self.before(h), *more))
        return self.after(coefficients.add(h, y))


class Layer(nn.Module):  # type: ignore[misc]
    """Mixer and feed-forward net: (B, T, d) -> (B, T, d)."""

    def __init__(self, config: LoopedTransformerConfig, rotary: Rotary | None) -> None:
        super().__init__()
        kind, bias = config.feed_forward, config.bias
        self.attends = config.mixer is Mixer.ATTENTION
        if self.attends:
            self.mixer = SubLayer(Attention(config, rotary), config)
        else:
            length = config.max_length or 0
            over = FeedForward(kind, length, config.default_hidden(length), bias=bias)
            self.mixer = SubLayer(OverPositions(over), config, over_positions=True)
        net = FeedForward(kind, config.width, config.inner_width, bias=bias)
        self.feed_forward = SubLayer(net, config)

    def forward(
        self,
        h: Tensor,
        mask: Tensor | None = None,
        injected: Tensor | None = None,
        coefficients: Coefficients = Coefficients(),  # noqa: B008
    ) -> Tensor:
        """One layer; see `Attention` for mask (B, T) and injected (B, T, 3d)."""
        if self.attends:
            h = self.mixer(h, coefficients, mask, injected)
        else:
            h = self.mixer(h, coefficients)
        return self.feed_forward(h, coefficients)
