"""Every solver with every adjoint: exact where it promises to be, or refused at the call."""

import pytest
import torch
from torch import Tensor

import deqlab
from deqlab import (
    Anderson,
    Implicit,
    JacobianFree,
    PhantomGradient,
    Picard,
    RelativeResidual,
    ReuseInverse,
    TruncatedNeumann,
    Unrolled,
    fixed_point,
)
from deqlab.solvers.broyden import Broyden

SOLVERS = [Picard(), Anderson(), Broyden()]
if "NewtonKrylov" in deqlab.__all__:
    SOLVERS.append(deqlab.NewtonKrylov())
ADJOINTS = {
    Implicit(rtol=1e-12): "exact",
    Unrolled(): "exact",
    Unrolled(checkpoint=True): "exact",
    Unrolled(truncate=5): "approximate",
    JacobianFree(): "approximate",
    TruncatedNeumann(5): "approximate",
    PhantomGradient(terms=5, relaxation=0.5): "approximate",
    ReuseInverse(): "approximate",
}


def promise(solver: object, adjoint: object) -> str:
    if isinstance(adjoint, ReuseInverse) and not isinstance(solver, Broyden):
        return "refused"
    if isinstance(adjoint, Unrolled) and not getattr(solver, "differentiable", True):
        return "refused"
    return ADJOINTS[adjoint]


@pytest.mark.parametrize("adjoint", ADJOINTS, ids=str)
@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
def test_every_combination_works_or_is_refused_at_call(solver: object, adjoint: object) -> None:
    g = torch.Generator().manual_seed(0)
    W = torch.randn(6, 6, generator=g, dtype=torch.float64)
    W = (W * (0.6 / torch.linalg.matrix_norm(W, 2))).requires_grad_()
    x, v = (torch.randn(3, 6, generator=g, dtype=torch.float64) for _ in range(2))
    calls = 0

    def f(z: Tensor, x: Tensor, W: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return torch.tanh(z @ W.T + x)

    def solve() -> Tensor:
        return fixed_point(
            f,
            torch.zeros_like(x),
            x,
            params=(W,),
            solver=solver,
            adjoint=adjoint,
            stop=RelativeResidual(rtol=1e-13),
            max_steps=500,
        ).value

    expected = promise(solver, adjoint)
    if expected == "refused":
        with pytest.raises(ValueError, match=r"use (adjoint|solver)="):
            solve()
        assert calls == 0
        return
    value = solve()
    (gradient,) = torch.autograd.grad(value, W, v)
    z = value.detach()
    J = (1 - z**2)[:, :, None] * W.detach()
    w = torch.linalg.solve((torch.eye(6, dtype=z.dtype) - J).mT, v[:, :, None])[:, :, 0]
    exact = (w * (1 - z**2)).T @ z
    error = (gradient - exact).norm() / exact.norm()
    # the derivative of an accelerated iterate trails the iterate itself by its rate of convergence
    assert error < (1e-6 if expected == "exact" else 0.9)
