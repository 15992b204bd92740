"""The position-wise net.

    SwiGLU     V (silu(W₁ h) ⊙ W₂ h)
    otherwise  V φ(W h)

Reference: N. Shazeer, GLU variants improve transformer, 2020.
"""

from torch import Tensor, nn
from torch.nn import functional

from deqlab.looped.choices import FeedForwardKind


class FeedForward(nn.Module):  # type: ignore[misc]
    """(..., size) -> (..., size), through `hidden` units."""

    def __init__(self, kind: FeedForwardKind, size: int, hidden: int, *, bias: bool) -> None:
        super().__init__()
        self.kind = kind
        gates = 2 if kind is FeedForwardKind.SWIGLU else 1
        self.expand = nn.Linear(size, gates * hidden, bias=bias)
        self.contract = nn.Linear(hidden, size, bias=bias)

    def forward(self, h: Tensor) -> Tensor:
        """Each position alone."""
        u = self.expand(h)
        if self.kind is FeedForwardKind.SWIGLU:
            gate, value = u.chunk(2, dim=-1)
            return self.contract(functional.silu(gate) * value)
        return self.contract(functional.relu(u) if self._is_relu else functional.gelu(u))

    @property
    def _is_relu(self) -> bool:
        return self.kind is FeedForwardKind.RELU
