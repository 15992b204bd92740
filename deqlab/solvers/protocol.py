"""What a solver is to the loop: a rule for the next iterate of every row."""

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

Map = Callable[[Tensor], Tensor]
"""z (B, D) ↦ f(z) (B, D); row i of the result depends on row i of z alone."""


class Solver(Protocol):
    """Proposes iterates; the loop evaluates, measures and decides.

    The state is None, a tuple or a dataclass. Its tensors have one row per sample, so that the loop
    can take finished rows out; what is no tensor is shared. An int64 field `nfe` of shape (B,)
    counts what a step costs beyond the one evaluation that the loop makes. A step never mixes
    rows, never reads a tensor on the host, and works out of place.
    """

    def init(self, z: Tensor) -> Any:
        """The state before the first evaluation; z (B, D)."""
        ...

    def step(self, z: Tensor, fz: Tensor, state: Any, f: Map) -> tuple[Tensor, Any]:
        """The next iterate (B, D), from z and fz = f(z), and the next state."""
        ...
