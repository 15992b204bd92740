"""What a looped transformer returns."""

from dataclasses import dataclass

from torch import Tensor

from deqlab._state import State
from deqlab.solution import Solution


@dataclass(frozen=True, kw_only=True, eq=False)
class LoopedOutput:
    """The answer, where the loop ended, and what it cost, sample by sample.

    Attributes
    ----------
    logits : Tensor (B, T, classes)
    state : State
        With its graph: detach it to carry it into the next segment.
    solution : Solution
        Per sample `num_steps` (loops), `residual`, `status`, and `relative_residual` as the rule
        saw it. The residual is nan after a fixed number of loops that was not measured.
    halting : Tensor, or None
        Logits of the halting unit: (B,) for Q, (B, T) for a gate or ACT.
    ponder_time : Tensor (B, T), or None
        Loops plus remainder of every token, for the ponder cost of ACT.
    """

    logits: Tensor
    state: State
    solution: Solution
    halting: Tensor | None = None
    ponder_time: Tensor | None = None

    @property
    def loops(self) -> Tensor:
        """Loops that each sample took: (B,)."""
        return self.solution.num_steps

    @property
    def carry(self) -> State:
        """The state without its graph."""
        if isinstance(self.state, Tensor):
            return self.state.detach()
        return tuple(part.detach() for part in self.state)
