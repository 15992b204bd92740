"""Rotary positions: q and k are turned by angles t θ_j, so that ⟨q_s, k_t⟩ depends on s − t.

The first half of the channels of a head is paired with the second half.

Reference: J. Su et al., RoFormer: enhanced transformer with rotary position embedding, 2021.
"""

import torch
from torch import Tensor, nn

BASE = 10_000.0


class Rotary(nn.Module):  # type: ignore[misc]
    """Tables of cosines and sines, shared by all layers; grown by `prepare` before the loop."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.cos, self.sin = torch.empty(0, size), torch.empty(0, size)

    def prepare(self, length: int, like: Tensor) -> None:
        """Make the tables long enough, in the dtype and on the device of `like`."""
        old = self.cos
        if len(old) >= length and (old.dtype, old.device) == (like.dtype, like.device):
            return
        with torch.inference_mode(False):  # the tables outlive an evaluation
            exponents = torch.arange(0, self.size, 2, dtype=torch.float64) / self.size
            angles = torch.outer(torch.arange(length, dtype=torch.float64), BASE**-exponents)
            angles = torch.cat([angles, angles], dim=1).to(like.device)
            self.cos, self.sin = angles.cos().to(like.dtype), angles.sin().to(like.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., T, size) turned."""
        cos, sin = (table[: x.shape[-2]].to(x.dtype) for table in (self.cos, self.sin))
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat([-second, first], dim=-1) * sin
