"""What the loop hands over, in flat form, and the sentence that says how a solve ended."""

import sys
import warnings
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deqlab.status import Status

if TYPE_CHECKING:
    from deqlab.linear.solution import LinearSolution


class OnFailure(Enum):
    """What a solve does when a sample does not converge."""

    WARN = "warn"
    RAISE = "raise"
    IGNORE = "ignore"


class ConvergenceWarning(UserWarning):
    """Some samples did not converge."""


class ConvergenceError(RuntimeError):
    """Some samples did not converge."""


@dataclass
class History:
    """The residuals of a solve, from check to check.

    Attributes
    ----------
    steps : list of int
        Steps taken before each check.
    residual, relative_residual : Tensor (checks, B)
        Of the iterate measured; those of a finished sample repeat.
    """

    steps: list[int] = field(default_factory=list)
    residual: Any = field(default_factory=list)
    relative_residual: Any = field(default_factory=list)

    def add(self, step: int, rows: NDArray[np.int64], residual: Tensor, relative: Tensor) -> None:
        """One more check, of the given rows of the batch."""
        self.steps.append(step)
        for entries, values in ((self.residual, residual), (self.relative_residual, relative)):
            if entries and len(values) < len(entries[-1]):
                index = torch.from_numpy(rows).to(values.device)
                values = entries[-1].index_copy(0, index, values)
            entries.append(values)

    def single(self) -> "History":
        """Of one problem, without the batch dimension."""
        return History(self.steps, self.residual[:, 0], self.relative_residual[:, 0])

    def close(self) -> "History":
        """Lists become tensors."""
        return History(self.steps, torch.stack(self.residual), torch.stack(self.relative_residual))


@dataclass(eq=False)
class AdjointReport:
    """Where a backward pass leaves word of its linear solve."""

    solution: "LinearSolution | None" = None

    def fill(self, solution: "LinearSolution") -> None:
        """Keep the last one."""
        self.solution = solution


@dataclass(kw_only=True, eq=False)
class FlatSolution:
    """A `Solution` in flat form: value (B, D), everything else (B,)."""

    value: Tensor
    residual: Tensor
    relative_residual: Tensor
    num_steps: Tensor
    nfe: Tensor
    status: Tensor
    rate: Tensor  # the residual's factor per step, nan if unknown
    solver_state: Any = None
    history: History | None = None
    adjoint: AdjointReport = field(default_factory=AdjointReport)

    @property
    def safe_rows(self) -> Tensor | None:
        """Row numbers (B,) in which a finite row stands for each that is not.

        f at these rows is finite, and so is its derivative where it is multiplied by zero. None if
        every row is finite, or none is.
        """
        bad = self.status == Status.NONFINITE
        if not bool(bad.any()) or bool(bad.all()):
            return None
        rows = torch.arange(len(bad), device=bad.device)
        return torch.where(bad, (~bad).to(torch.int8).argmax(), rows)

    def report(
        self, on_failure: OnFailure, precision: torch.dtype, ignored: tuple[Status, ...] = ()
    ) -> None:
        """Warn, or raise, about the samples that failed in a way that is not ignored."""
        fine = {int(outcome) for outcome in (Status.CONVERGED, *ignored)}
        if on_failure is OnFailure.IGNORE or set(self.status.tolist()) <= fine:
            return
        message = describe(self, precision)
        if on_failure is OnFailure.RAISE:
            raise ConvergenceError(message)
        warnings.warn(message, ConvergenceWarning, stacklevel=_frames_inside())


def _frames_inside() -> int:
    """Frames from `report` to the first that is neither deqlab's nor torch's: the user's line."""
    frame, depth = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in ("deqlab", "torch"):
        frame, depth = frame.f_back, depth + 1
    return depth


def describe(solution: Any, precision: torch.dtype) -> str:
    """One sentence per outcome that occurred, with the numbers of its worst sample."""
    names = ("status", "num_steps", "nfe", "residual", "relative_residual", "rate")
    status, steps, nfe, residual, relative, rate = (
        getattr(solution, name).detach().flatten().cpu() for name in names
    )
    sentences = []
    for outcome in Status:
        members = torch.nonzero(status == outcome).flatten()
        if not len(members):
            continue
        worst = members[relative[members].argmax()]
        share = f" ({len(members)} of {len(status)} samples)" if len(status) > 1 else ""
        sentences.append(
            f"{outcome.name}{share} after {int(steps[members].max())} steps and "
            f"{int(nfe[members].max())} evaluations, residual {float(residual[worst]):.3g}, "
            f"relative {float(relative[worst]):.3g}"
            + _advice(outcome, float(rate[worst]), precision)
        )
    return "; ".join(sentences) or "an empty batch"


def _advice(outcome: Status, rate: float, precision: torch.dtype) -> str:
    if outcome is Status.CONVERGED:
        return ""
    factor = f"; it changed by the factor {rate:.4g} per step" if rate == rate else ""
    if outcome is Status.STAGNATED:
        eps = torch.finfo(precision).eps
        return f"{factor}: {outcome.message} (eps of {precision} is {eps:.2g})"
    if outcome is Status.MAX_STEPS and rate < 1:
        return f"{factor}: raise max_steps, loosen rtol, or use another solver"
    return f"{factor}: {outcome.message}"
