"""What the inexact gradients share: a solve that leaves no graph, and no second derivative."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from deqlab.adjoints.derivatives import transforming
from deqlab.adjoints.implicit import Implicit
from deqlab.problem import Problem
from deqlab.solution import FlatSolution


def solve_detached(problem: Problem, solve: Callable[[Problem], FlatSolution]) -> FlatSolution:
    """The solution as a constant, also under a transformation of torch.func."""
    with torch.no_grad(), forward_ad._set_fwd_grad_enabled(False):
        return Implicit().attach(problem, solve) if transforming() else solve(problem)


class FirstOrder(torch.autograd.Function):  # type: ignore[misc]
    """The identity; a second derivative is an error instead of a number that is no Hessian."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return _Barrier.apply(g, *ctx.saved_tensors)

    @staticmethod
    def jvp(ctx: Any, t: Tensor) -> Tensor:
        return t.view_as(t)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None], x: Tensor) -> tuple[Tensor, int | None]:
        return FirstOrder.apply(x), in_dims[0]


class _Barrier(torch.autograd.Function):  # type: ignore[misc]
    """g, depending on x in name, so that whoever differentiates once more comes by here."""

    @staticmethod
    def forward(g: Tensor, x: Tensor) -> Tensor:
        return g.view_as(g)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        raise RuntimeError(
            "this adjoint approximates the first derivative of the solution and has no second; "
            "use adjoint=Implicit(), which is exact to every order"
        )

    jvp = backward

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, int | None], g: Tensor, x: Tensor
    ) -> tuple[Tensor, int | None]:
        return _Barrier.apply(g, x), in_dims[0]
