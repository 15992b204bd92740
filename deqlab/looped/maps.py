"""The map f that the loop iterates: s ← f(s, e, mask), for every kind of state.

Z       f(z) = core(z, e)                                  tied: the same core at every loop
        f_k(z) = core_k(z, e), k = 0, …, N − 1             untied: the FIR control
YZ      z ← core(z, y + e), n times;  y ← core′(y, z)
"""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from deqlab.looped.choices import Latents, Tying
from deqlab.looped.config import LoopedTransformerConfig
from deqlab.looped.core import Core
from deqlab.looped.rotary import Rotary


class TiedLoop(nn.Module):  # type: ignore[misc]
    """f(z) = core(z, e)."""

    def __init__(self, config: LoopedTransformerConfig, rotary: Rotary | None) -> None:
        super().__init__()
        self.core = Core(config, rotary)

    def forward(self, z: Tensor, e: Tensor, mask: Tensor | None = None) -> Tensor:
        """One loop: z, e (B, T, d) -> (B, T, d)."""
        h: Tensor = self.core(z, e, mask)
        return h


class TimedLoop(TiedLoop):
    """f_k(z) = core(z + p_k, e), with sinusoids p_k of the position and of the loop k [1]_.

        p_k[t, 2j] = sin(t w_j) + sin(k w_j),   p_k[t, 2j + 1] = cos(t w_j) + cos(k w_j),
        w_j = 10000^(−2j/d);  both counted from 1

    References
    ----------
    .. [1] M. Dehghani et al., Universal transformers, ICLR 2019.
    """

    def forward(self, z: Tensor, e: Tensor, mask: Tensor | None = None, *, step: int = 0) -> Tensor:
        """Loop number `step`."""
        positions = torch.arange(1, z.shape[1] + 1, device=z.device)
        signal = sinusoids(positions, z.shape[2]) + sinusoids(
            torch.tensor([step + 1], device=z.device), z.shape[2]
        )
        return super().forward(z + signal.to(z.dtype), e, mask)


class UntiedStack(nn.Module):  # type: ignore[misc]
    """f_k(z) = core_k(z, e): a feed-forward net of N different cores."""

    def __init__(self, config: LoopedTransformerConfig, rotary: Rotary | None) -> None:
        super().__init__()
        self.cores = nn.ModuleList(Core(config, rotary) for _ in range(config.loops))

    def forward(self, z: Tensor, e: Tensor, mask: Tensor | None = None, *, step: int = 0) -> Tensor:
        """Core number `step`; behind the last one there is nothing, so z stays."""
        if step >= len(self.cores):
            return z
        h: Tensor = self.cores[step](z, e, mask)
        return h


class LatentRecursion(nn.Module):  # type: ignore[misc]
    """f(y, z): n updates of the latent z, each seeing y + e, then one of the answer y, seeing z.

    Damping and noise belong to each update: z ← (1 − τ) z + τ core(z, y + e) + β ξ.

    References
    ----------
    .. [1] G. Wang et al., Hierarchical reasoning model, arXiv 2506.21734 (two cores).
    .. [2] A. Jolicoeur-Martineau, Less is more: recursive reasoning with tiny networks,
       arXiv 2510.04871 (one core).
    """

    def __init__(self, config: LoopedTransformerConfig, rotary: Rotary | None) -> None:
        super().__init__()
        self.core = Core(config, rotary)
        self.answer_core = None if config.shared_latents else Core(config, rotary)
        self.updates = config.inner_loops
        self.constant = self.updates - (config.inner_gradient or self.updates)
        self.relaxation, self.noise = config.relaxation, config.noise

    def forward(
        self, state: tuple[Tensor, Tensor], e: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """One recursion: y, z, e (B, T, d) -> y, z."""
        y, z = state
        for i in range(self.updates):
            with torch.no_grad() if i < self.constant else nullcontext():
                z = self._update(self.core, z, y + e, mask)
        return self._update(self.answer_core or self.core, y, z, mask), z

    def _update(self, core: nn.Module, z: Tensor, e: Tensor, mask: Tensor | None) -> Tensor:
        h: Tensor = core(z, e, mask)
        if self.relaxation != 1:
            h = torch.lerp(z, h.to(z.dtype), self.relaxation)
        if self.noise:
            h = h + self.noise * torch.randn_like(h)
        return h


Loop = TiedLoop | UntiedStack | LatentRecursion


def make_loop(config: LoopedTransformerConfig, rotary: Rotary | None) -> Loop:
    """The configured map."""
    if config.state is Latents.YZ:
        return LatentRecursion(config, rotary)
    if config.tying is Tying.NONE:
        return UntiedStack(config, rotary)
    return TimedLoop(config, rotary) if config.time_signal else TiedLoop(config, rotary)


def sinusoids(times: Tensor, width: int) -> Tensor:
    """sin and cos of t 10000^(−2j/width), interleaved: (n,) -> (n, width)."""
    exponents = torch.arange(0, width, 2, device=times.device, dtype=torch.float64) / width
    angles = torch.outer(times.double(), 10_000.0**-exponents)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
