"""What a solve returns: per sample, the value, how good it is, what it cost and how it ended."""

import warnings
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deqlab._state import State
from deqlab.problem import Problem
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
        """None if every row is finite; else row numbers in which a finite row stands for each bad one.

        f at these rows is finite, and so is its derivative where it is multiplied by zero. None
        also where no row is finite.
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
        warnings.warn(message, ConvergenceWarning, stacklevel=2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """The answer to z = f(z, *args, *params).

    Everything but `value` is detached, and has one entry per sample: shape (B,), or () with
    batch_dims=0.

    Attributes
    ----------
    value : State
        What z0 is. A sample that failed returns its best iterate: the one of lowest relative
        residual (z0 itself, if f(z0) is not finite).
    residual, relative_residual : Tensor
        ‖f(z) − z‖ at `value`, in the norm of the stopping rule, and as the rule compared it.
    num_steps : Tensor
        Steps taken until the sample was done.
    nfe : Tensor
        Evaluations of f and products with its Jacobian, the last measurement included.
    status : Tensor
        A `deqlab.Status` per sample.
    rate : Tensor
        The factor by which the residual last changed per step; nan if no two checks compare.
    history : History, or None
    """

    value: State
    residual: Tensor
    relative_residual: Tensor
    num_steps: Tensor
    nfe: Tensor
    status: Tensor
    rate: Tensor
    history: History | None
    _adjoint: AdjointReport = field(repr=False)
    _precision: torch.dtype = field(repr=False)

    @classmethod
    def of(cls, flat: FlatSolution, problem: Problem) -> "Solution":
        """The public form of a flat solution."""
        layout, history = problem.layout, flat.history
        names = ("residual", "relative_residual", "num_steps", "nfe", "status", "rate")
        columns = {name: layout.unpack_rows(getattr(flat, name).detach()) for name in names}
        if history is not None and not layout.batch_dims:
            history = history.single()
        return cls(
            value=layout.unpack(flat.value),
            history=history,
            _adjoint=flat.adjoint,
            _precision=problem.precision,
            **columns,
        )

    @property
    def adjoint(self) -> "LinearSolution | None":
        """The linear solve of the last backward pass, detached; None before one."""
        return self._adjoint.solution

    @property
    def message(self) -> str:
        """What happened, in numbers, and what to change."""
        return describe(self, self._precision)

    def detach(self) -> "Solution":
        """The same solution without its graph; `adjoint` is still filled by a backward pass."""
        value = self.value
        if isinstance(value, tuple):
            return replace(self, value=tuple(part.detach() for part in value))
        return replace(self, value=value.detach())

    def converged(self) -> Tensor:
        """Which samples met the tolerance."""
        return self.status == Status.CONVERGED

    def raise_for_status(self) -> "Solution":
        """This solution, if every sample converged.

        Raises
        ------
        ConvergenceError
        """
        if not bool(self.converged().all()):
            raise ConvergenceError(self.message)
        return self

    def error_bound(self, lipschitz: float | Tensor, *, rounding: float | Tensor = 0.0) -> Tensor:
        """(‖f(z) − z‖ + η) / (1 − L), a bound for ‖z − z*‖ in the norm of the stopping rule.

        Parameters
        ----------
        lipschitz : float, or Tensor (B,)
            L < 1, a Lipschitz constant of f in that norm on a convex set that holds z and z*. A
            spectral radius is none.
        rounding : float, or Tensor (B,)
            η, a bound for the rounding error of one evaluation of f; 0.0 gives the textbook bound,
            which rounding can violate near the limit.

        Raises
        ------
        ValueError
            If L is not in [0, 1).
        """
        L = torch.as_tensor(lipschitz, dtype=self.residual.dtype, device=self.residual.device)
        if not bool(((L >= 0) & (L < 1)).all()):
            raise ValueError(
                f"lipschitz must be in [0, 1) for an error bound to follow; got {lipschitz!r}"
            )
        return (self.residual + rounding) / (1 - L)

    def __repr__(self) -> str:
        return f"Solution({self.message})"


def describe(solution: FlatSolution | Solution, precision: torch.dtype) -> str:
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
            f"{int(nfe[members].max())} evaluations, residual {float(residual[worst]):.3g}, relative "
            f"{float(relative[worst]):.3g}{_advice(outcome, float(rate[worst]), precision)}"
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
