"""How the input e enters a loop that carries the state z: (B, T, d) each.

A loop that sees e at every step can forget where it started and still knows what it computes; one
that saw e once must carry it along.
"""

import torch
from torch import Tensor, nn

from deqlab.looped.choices import Injection
from deqlab.looped.config import LoopedTransformerConfig
from deqlab.looped.scaling import Coefficients


class NoInjection(nn.Module):  # type: ignore[misc]
    """z."""

    def forward(self, z: Tensor, e: Tensor, coefficients: Coefficients) -> Tensor:
        """The state alone."""
        return z


class AddInjection(nn.Module):  # type: ignore[misc]
    """α₂ z + β₂ e; z + e unless the coefficients are learned."""

    def forward(self, z: Tensor, e: Tensor, coefficients: Coefficients) -> Tensor:
        """The sum."""
        if isinstance(coefficients.state, float):
            return z + e
        return z * coefficients.state + e * coefficients.input


class ConcatInjection(nn.Module):  # type: ignore[misc]
    """W [z, e]: the adapter of Huginn (arXiv 2502.05171)."""

    def __init__(self, width: int, *, bias: bool) -> None:
        super().__init__()
        self.adapter = nn.Linear(2 * width, width, bias=bias)

    def forward(self, z: Tensor, e: Tensor, coefficients: Coefficients) -> Tensor:
        """A linear map of both."""
        return self.adapter(torch.cat([z, e], dim=-1))


class GateInjection(nn.Module):  # type: ignore[misc]
    """g ⊙ z + (1 − g) ⊙ e with g = σ(W [z, e] + b): the update gate of a GRU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, width)

    def forward(self, z: Tensor, e: Tensor, coefficients: Coefficients) -> Tensor:
        """Between z and e, channel by channel."""
        return torch.lerp(e, z, self.gate(torch.cat([z, e], dim=-1)).sigmoid())


def make_injection(config: LoopedTransformerConfig) -> nn.Module:
    """What is done to the state before the layers; QKV acts within them."""
    kind = config.injection
    if kind in (Injection.ADD, Injection.ALPHA_BETA):
        return AddInjection()
    if kind is Injection.CONCAT:
        return ConcatInjection(config.width, bias=config.bias)
    if kind is Injection.GATE:
        return GateInjection(config.width)
    return NoInjection()
