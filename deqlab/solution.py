"""What a solve returns: per sample, the value, how good it is, what it cost and how it ended."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from deqlab._state import State
from deqlab.outcome import (
    AdjointReport,
    ConvergenceError,
    ConvergenceWarning,
    FlatSolution,
    History,
    OnFailure,
    describe,
)
from deqlab.problem import Problem
from deqlab.status import Status

if TYPE_CHECKING:
    from deqlab.linear.solution import LinearSolution

__all__ = [
    "AdjointReport",
    "ConvergenceError",
    "ConvergenceWarning",
    "FlatSolution",
    "History",
    "OnFailure",
    "Solution",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """The answer to z = f(z, *args, *params).

    Everything but `value` is detached, and has one entry per sample: shape (B,), or () with
    batch_dims=0.

    Attributes
    ----------
    value : State
        What z0 is. A sample that failed returns its best iterate: the one of lowest residual (z0
        itself, if f(z0) is not finite).
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
