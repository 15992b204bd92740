"""Dropout whose mask is drawn once for each solve: f stays one map while its equation is solved.

A mask drawn at every evaluation would make f another map at every step, which has no fixed point,
and another one again in the backward pass.

Reference: Y. Gal and Z. Ghahramani, A theoretically grounded application of dropout in recurrent
neural networks, NeurIPS 2016; for equilibrium models S. Bai, J. Z. Kolter and V. Koltun, 2019.
"""

import math

import torch
from torch import Tensor, nn

__all__ = ["VariationalDropout"]


class VariationalDropout(nn.Module):  # type: ignore[misc]
    """h ↦ h ⊙ mask/(1 − p), one mask for each sample, shared by all positions and all steps.

    For a module in the cell of a `DEQ`, which draws the masks of a forward pass before it solves.
    They belong to the samples: they leave with them where finished samples leave the computation,
    and the backward solve meets the same ones. In evaluation mode this is the identity.

    Parameters
    ----------
    size : int
        Features, on axis `axis` of h (B, ...).
    p : float
        Probability of a zero, 0 ≤ p < 1.
    axis : int
        Negative: −1 for features last, −3 for the channels of images (B, C, H, W).

    Raises
    ------
    ValueError
        If p is not in [0, 1), or axis is not negative.
    RuntimeError
        On a call in training mode outside a solve, where there is no mask.
    """

    def __init__(self, size: int, p: float = 0.1, *, axis: int = -1) -> None:
        super().__init__()
        if not (math.isfinite(p) and 0 <= p < 1):
            raise ValueError(f"the dropout probability must be in [0, 1); got {p!r}")
        if isinstance(axis, bool) or not isinstance(axis, int) or axis >= 0:
            raise ValueError(f"axis must be a negative integer, counted from the end; got {axis!r}")
        self.size, self.p, self.axis = size, p, axis
        self.mask: Tensor | None = None  # while the cell is evaluated

    @property
    def active(self) -> bool:
        """Whether a mask is needed."""
        return self.training and self.p > 0

    def draw(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A mask (B, size) of zeros and 1/(1 − p), for a state `like` (B, ...)."""
        device = like.device if generator is None else generator.device
        uniform = torch.rand(like.shape[0], self.size, generator=generator, device=device)
        return (uniform >= self.p).to(like) / (1 - self.p)

    def forward(self, h: Tensor) -> Tensor:
        """h with the features of the mask alone."""
        if not self.active:
            return h
        if self.mask is None:
            raise RuntimeError(
                "VariationalDropout has no mask outside a solve: evaluate the cell through a DEQ, "
                "through DEQ.map, or in evaluation mode"
            )
        shape = [1] * h.ndim
        shape[0], shape[self.axis] = h.shape[0], self.size
        return h * self.mask.to(h.dtype).reshape(shape)

    def extra_repr(self) -> str:
        """Size, probability and axis."""
        return f"{self.size}, p={self.p}, axis={self.axis}"
