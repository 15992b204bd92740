"""x = (I − J)⁻¹ b and x = (I − Jᵀ)⁻¹ b, J = ∂f/∂z at (z, θ), differentiable in b, z and θ.

    x − J x = b    ⇒    δx = (I − J)⁻¹ (δb + δJ x)
    x − Jᵀx = b    ⇒    δx = (I − J)⁻ᵀ (δb + δJᵀx)

so that either derivative is another such system, to any order: with g = ∂ℓ/∂x and λ the solution of
the transposed system for g, ∂ℓ/∂b = λ and ∂ℓ/∂(z, θ) = ∂(λᵀ J x) or ∂(xᵀ J λ) at fixed x and λ.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from deqlab.adjoints.derivatives import pull, push, within_jvp
from deqlab.adjoints.folding import fold, front, unfold
from deqlab.linear.solution import LinearSolution, LinearSolver, Product
from deqlab.problem import Problem
from deqlab.solution import ConvergenceWarning
from deqlab.status import Status


@dataclass(frozen=True, kw_only=True)
class LinearSystem:
    """What is not a tensor: the function whose J is meant, and how its system is solved."""

    problem: Problem
    solver: LinearSolver
    rtol: float
    max_products: int | None
    report: Callable[[LinearSolution], None]

    def solve(self, transposed: bool, b: Tensor, z: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
        """x for plain tensors; reports, and warns about rows that failed."""
        return self._solve(self._product(transposed, z, inputs), transposed, b, z)

    def pulled(
        self, v: Tensor, z: Tensor, inputs: Sequence[Tensor], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """(∂f/∂inputs)ᵀ (I − Jᵀ)⁻¹ v where wanted: plain tensors, from one evaluation of f."""
        index = [i for i, x in enumerate(inputs) if wanted[i] and x.is_floating_point()]
        with torch.enable_grad():
            leaves = list(inputs)
            for i in index:
                leaves[i] = inputs[i].detach().requires_grad_()
            z = z.detach().requires_grad_()
            y = self.problem.function(z, tuple(leaves))
        w = self._solve(_along_graph(y, z), True, v, z.detach())
        found = _grads(y, [leaves[i] for i in index], w)
        grads: list[Tensor | None] = [None] * len(inputs)
        for i, g in zip(index, found, strict=True):
            grads[i] = g
        return grads

    def _solve(self, product: Product, transposed: bool, b: Tensor, z: Tensor) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            bind = getattr(self.solver, "at", None)
            solver = self.solver if bind is None else bind(z, transposed=transposed)
            answer = solver.solve(product, b, rtol=self.rtol, max_products=self.max_products)
        self.report(answer)
        failed = ~answer.converged()
        if bool(failed.any()):
            worst = Status(int(answer.status[failed].max()))
            warnings.warn(
                f"the linear system of the implicit gradient is unsolved in {int(failed.sum())} of "
                f"{len(failed)} rows, and the gradient inexact there: {worst.name}, relative "
                f"residual up to {float(answer.relative_residual[failed].max()):.3g} (rtol = "
                f"{self.rtol:.3g}) after {int(answer.products.max())} products with the Jacobian; "
                "use another linear_solver, more products, a looser rtol or a wider dtype",
                ConvergenceWarning,
                stacklevel=2,
            )
        return answer.value

    def _product(self, transposed: bool, z: Tensor, inputs: tuple[Tensor, ...]) -> Product:
        """v ↦ Jᵀv or J v, from one evaluation of f."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            y = self.problem.function(z, inputs)
            if y.requires_grad and not transposed:
                u = torch.zeros_like(y, requires_grad=True)
                (z_bar,) = torch.autograd.grad(y, z, u, create_graph=True)
                y, z = z_bar, u
        return _along_graph(y, z)


class Solve(torch.autograd.Function):  # type: ignore[misc]
    """Solve.apply(system, transposed, b, z, *inputs) = x."""

    @staticmethod
    def forward(
        system: LinearSystem, transposed: bool, b: Tensor, z: Tensor, *inputs: Tensor
    ) -> Tensor:
        return system.solve(transposed, b.detach(), z, inputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.system, ctx.transposed, _, *point = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output, *point)
        ctx.save_for_forward(output, *point)

    @staticmethod
    def backward(ctx: Any, g: Tensor | None) -> tuple[Any, ...]:
        x, *point = ctx.saved_tensors
        if g is None:
            return (None, None, None, *(None for _ in point))
        adjoint = Solve.apply(ctx.system, not ctx.transposed, g, *point)
        left, right = (x, adjoint) if ctx.transposed else (adjoint, x)
        grads = pull(_transposed(ctx.system, left), point, right, ctx.needs_input_grad[3:])
        return None, None, adjoint, *grads

    @staticmethod
    def jvp(ctx: Any, _: None, __: None, db: Tensor | None, *dpoint: Tensor | None) -> Tensor:
        with within_jvp(ctx) as (x, *point):
            if ctx.transposed:
                change = push(_transposed(ctx.system, x), point, dpoint)
            else:
                change = push(_along(ctx.system, x), point, dpoint)
            terms = [t for t in (db, change) if t is not None]
            b = sum(terms[1:], terms[0]) if terms else torch.zeros_like(x)
            return Solve.apply(ctx.system, ctx.transposed, b, *point)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        system: LinearSystem,
        transposed: bool,
        b: Tensor,
        z: Tensor,
        *inputs: Tensor,
    ) -> tuple[Tensor, int]:
        folded = fold(system.problem, z, inputs, in_dims[3:], info)
        rows = front(b, in_dims[2], info.batch_size).flatten(0, 1)
        system = replace(system, problem=folded)
        x = Solve.apply(system, transposed, rows, folded.z0, *folded.inputs)
        return unfold(x, info.batch_size), 0


def _zero(v: Tensor) -> Tensor:
    return torch.zeros_like(v)


def _along_graph(y: Tensor, z: Tensor) -> Product:
    """v ↦ (∂y/∂z)ᵀv."""
    return (lambda v: _grads(y, [z], v)[0]) if y.requires_grad else _zero


def _grads(y: Tensor, xs: list[Tensor], v: Tensor) -> Sequence[Tensor]:
    """(∂y/∂x)ᵀv for each x; the graph stays."""
    if not (xs and y.requires_grad):
        return [torch.zeros_like(x) for x in xs]
    grads: Sequence[Tensor] = torch.autograd.grad(
        y, xs, v, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return grads


def _transposed(system: LinearSystem, v: Tensor) -> Callable[..., Tensor]:
    """(z, θ) ↦ J(z, θ)ᵀ v."""
    function = system.problem.function

    def product(z: Tensor, *inputs: Tensor) -> Tensor:
        (g,) = pull(lambda z: function(z, inputs), (z,), v, (True,))
        assert g is not None
        return g

    return product


def _along(system: LinearSystem, v: Tensor) -> Callable[..., Tensor]:
    """(z, θ) ↦ J(z, θ) v."""
    function = system.problem.function

    def product(z: Tensor, *inputs: Tensor) -> Tensor:
        t = push(lambda z: function(z, inputs), (z,), (v,))
        assert t is not None
        return t

    return product
