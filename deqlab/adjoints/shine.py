"""SHINE: the inverse that a quasi-Newton solver has estimated on its way serves the backward pass.

Broyden's method ends with H ≈ (I − J)⁻¹, so that w ≈ Hᵀ v needs no linear solve at all.

Cost: one evaluation and one product; the m pairs of vectors of H.

References
----------
.. [1] Z. Ramzi, F. Mannel, S. Bai, J.-L. Starck, P. Ciuciu, T. Moreau, SHINE: sharing the inverse
   estimate from the forward pass for bi-level optimization and implicit models, ICLR 2022.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from deqlab.adjoints.derivatives import transforming
from deqlab.adjoints.detached import FirstOrder, solve_detached
from deqlab.adjoints.implicit import masked, sound_rows
from deqlab.problem import Problem
from deqlab.solution import FlatSolution

if TYPE_CHECKING:
    from deqlab.solve import Plan


class InverseEstimate(Protocol):
    """H ≈ (I − J)⁻¹, row by row."""

    def product(self, v: Tensor) -> Tensor:
        """H v: (B, D) -> (B, D)."""
        ...

    def transposed(self, v: Tensor) -> Tensor:
        """Hᵀ v: (B, D) -> (B, D)."""
        ...


@dataclass(frozen=True)
class ReuseInverse:
    """SHINE: an inexact gradient for one product, from the inverse estimate of the forward solver.

    Notes
    -----
    Broyden's matrices need not converge to J, so the error is not controlled by the tolerance of
    the solve, and can be large. A second derivative is refused. A NONFINITE or DIVERGED row gets
    the gradient zero. Finished rows leave the computation, as with compact=True: tensors with one
    row per sample must be in args.
    """

    def check(self, problem: Problem, solver: object) -> None:
        """Refuse solvers without an inverse estimate, and an f without one fixed point."""
        if not hasattr(solver, "inverse"):
            raise ValueError(
                "ReuseInverse() needs a solver that estimates (I − J)⁻¹, and "
                f"{type(solver).__name__} does not; use solver=Broyden(), or adjoint=Implicit()"
            )
        if problem.stepwise:
            raise ValueError(
                "f declares step=, so no single equation z = f(z) defines z*, and ReuseInverse() "
                "cannot differentiate it; use adjoint=Unrolled(), or an f without step="
            )

    def attach(self, problem: Problem, solve: "Plan") -> FlatSolution:
        """Solve without a graph, evaluate f once with one, and give its cotangent to H."""
        if transforming():
            raise ValueError(
                "ReuseInverse() cannot be transformed by torch.func; use adjoint=Implicit()"
            )
        solve = replace(solve, compact=True)  # a finished row must not go on updating its H
        solution = solve_detached(problem, solve)
        if not torch.is_grad_enabled():
            return solution
        keep, row = sound_rows(solution.status)
        z_star = solution.value.detach()
        inputs = tuple(
            x[row] if batched else x
            for x, batched in zip(problem.inputs, problem.batched, strict=True)
        )
        inverse: InverseEstimate = solve.solver.inverse(solution.solver_state)  # type: ignore[attr-defined]
        y = problem.function(z_star[row], inputs)
        y = FirstOrder.apply(_Preconditioned.apply(inverse, keep, y))
        solution.value = z_star + masked(y - y.detach(), keep)
        return solution


class _Preconditioned(torch.autograd.Function):  # type: ignore[misc]
    """The identity, whose derivative is H in the rows that are kept."""

    @staticmethod
    def forward(inverse: InverseEstimate, keep: Tensor, y: Tensor) -> Tensor:
        return y.view_as(y)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.inverse, ctx.keep, _ = inputs

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[None, None, Tensor]:
        return None, None, masked(_widened(ctx.inverse.transposed, g), ctx.keep)

    @staticmethod
    def jvp(ctx: Any, _: None, __: None, t: Tensor) -> Tensor:
        return masked(_widened(ctx.inverse.product, t), ctx.keep)


def _widened(product: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
    return product(v.to(torch.promote_types(v.dtype, torch.float32))).to(v.dtype)
