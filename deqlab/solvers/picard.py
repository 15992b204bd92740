"""Relaxed fixed-point iteration, z ← (1 − τ) z + τ f(z)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from deqlab.solvers.protocol import Map


@dataclass(frozen=True, kw_only=True)
class Picard:
    """z ← (1 − τ) z + τ f(z), τ = relaxation."""

    relaxation: float = 1.0

    def init(self, z: Tensor) -> None:
        """Nothing to remember."""

    def step(self, z: Tensor, fz: Tensor, state: None, f: Map) -> tuple[Tensor, None]:
        """One relaxed step."""
        return (fz if self.relaxation == 1 else torch.lerp(z, fz, self.relaxation)), None
