"""Normalisation: x ↦ gain · x / √(mean(x²) + eps), per position, over the channels.

Reference: B. Zhang, R. Sennrich, Root mean square layer normalization, NeurIPS 2019.
"""

from torch import Tensor, nn

from deqlab.looped.choices import NormKind
from deqlab.looped.config import LoopedTransformerConfig


def make_norm(config: LoopedTransformerConfig, size: int) -> nn.Module:
    """The configured norm over the last axis, of length `size`."""
    if config.norm_kind is NormKind.RMS:
        return nn.RMSNorm(size, eps=config.norm_eps, elementwise_affine=config.norm_gain)
    return nn.LayerNorm(
        size, eps=config.norm_eps, elementwise_affine=config.norm_gain, bias=config.bias
    )


class OverPositions(nn.Module):  # type: ignore[misc]
    """A module that acts on the last axis, applied along the positions: (B, T, d) -> (B, T, d)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, h: Tensor) -> Tensor:
        """Each channel alone."""
        return self.module(h.mT).mT
