"""SHINE: the forward solver's inverse in place of the adjoint solve."""

import copy
import pickle

import pytest
import torch
from torch import Tensor

from deqlab import Implicit, OnFailure, Picard, RelativeResidual, ReuseInverse, fixed_point
from deqlab.solvers.broyden import Broyden


def draw(d: int, norm: float = 0.8, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    W = torch.randn(d, d, generator=g, dtype=torch.float64)
    W *= norm / torch.linalg.matrix_norm(W, 2)
    return torch.randn(3, d, generator=g, dtype=torch.float64).to(dtype), W.to(dtype)


def gradient(
    x: Tensor, W: Tensor, adjoint: object, *, linear: bool = False, rtol: float = 1e-13
) -> tuple[Tensor, Tensor]:
    x, W = x.clone().requires_grad_(), W.clone().requires_grad_()
    value = fixed_point(
        lambda z, x, W: z @ W.T + x if linear else torch.tanh(z @ W.T + x),
        torch.zeros_like(x),
        x,
        params=(W,),
        solver=Broyden(memory=200),
        adjoint=adjoint,
        stop=RelativeResidual(rtol=rtol if x.dtype == torch.float64 else None),
        on_failure=OnFailure.IGNORE,
    ).value
    return torch.autograd.grad(value.square().sum(), (x, W))


def test_the_gradient_uses_the_inverse_the_solver_ended_with() -> None:
    """∂ℓ/∂x = D Hᵀ v, H from the state of the same solve."""
    x, W = draw(5)
    leaf = x.clone().requires_grad_()
    states = []

    class Recording(Broyden):
        def inverse(self, state: object) -> object:
            states.append(super().inverse(state))
            return states[-1]

    value = fixed_point(
        lambda z, x: torch.tanh(z @ W.T + x),
        torch.zeros_like(x),
        leaf,
        solver=Recording(),
        adjoint=ReuseInverse(),
        stop=RelativeResidual(rtol=1e-12),
    ).value
    (g,) = torch.autograd.grad(value.square().sum(), leaf)
    z = value.detach()
    slope = 1 - torch.tanh(z @ W.T + x) ** 2
    torch.testing.assert_close(g, slope * states[0].transposed(2 * z), rtol=1e-12, atol=0)


def test_on_a_linear_map_of_one_dimension_it_is_exact() -> None:
    """One secant is the derivative: H = 1/(1 − a) after the first update."""
    x = torch.tensor([[2.0]], dtype=torch.float64)
    W = torch.tensor([[0.5]], dtype=torch.float64)
    shine = gradient(x, W, ReuseInverse(), linear=True)
    exact = gradient(x, W, Implicit(rtol=1e-13), linear=True)
    for s, e in zip(shine, exact, strict=True):
        torch.testing.assert_close(s, e, rtol=1e-9, atol=0)


def test_it_is_an_approximation_in_more_dimensions() -> None:
    x, W = draw(8)
    shine, exact = gradient(x, W, ReuseInverse())[1], gradient(x, W, Implicit(rtol=1e-12))[1]
    error = (shine - exact).norm() / exact.norm()
    assert 1e-6 < error < 0.5


def test_a_nan_row_touches_no_other() -> None:
    x, W = draw(4)
    alone = gradient(x[:2], W, ReuseInverse())
    x[2, 0] = torch.nan
    beside = gradient(x, W, ReuseInverse())
    torch.testing.assert_close(beside[0][:2], alone[0], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(beside[1], alone[1], rtol=1e-9, atol=1e-12)
    assert (beside[0][2] == 0).all()


def test_half_precision_works() -> None:
    x, W = draw(4, dtype=torch.bfloat16)
    g = gradient(x, W, ReuseInverse())
    assert all(t.dtype == torch.bfloat16 and torch.isfinite(t).all() for t in g)


def test_a_solver_without_an_inverse_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Picard does not; use solver=Broyden\(\)"):
        fixed_point(torch.cos, torch.zeros(1, 1), solver=Picard(), adjoint=ReuseInverse())


def test_a_second_derivative_and_torch_func_are_refused() -> None:
    x, W = draw(3)
    leaf = W.clone().requires_grad_()

    def value(W: Tensor) -> Tensor:
        return fixed_point(
            lambda z, W: torch.tanh(z @ W.T + x),
            torch.zeros_like(x),
            params=(W,),
            solver=Broyden(),
            adjoint=ReuseInverse(),
        ).value.sum()

    (first,) = torch.autograd.grad(value(leaf), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match=r"use adjoint=Implicit\(\)"):
        torch.autograd.grad(first.sum(), leaf)
    with pytest.raises(ValueError, match=r"use adjoint=Implicit\(\)"):
        torch.func.grad(value)(W)


def test_it_can_be_pickled_and_copied() -> None:
    assert pickle.loads(pickle.dumps(ReuseInverse())) == copy.deepcopy(ReuseInverse())


def test_the_estimate_of_a_row_does_not_depend_on_slower_rows() -> None:
    """A row that is done keeps the H it ended with while others go on for many steps."""
    x, W = draw(6, norm=0.99)
    W = (W + W.T) / 2
    x = x * torch.tensor([[3.0], [0.01], [0.1]], dtype=x.dtype)
    together = gradient(x, W, ReuseInverse(), rtol=1e-6)[0]
    for row in range(3):
        alone = gradient(x[row : row + 1], W, ReuseInverse(), rtol=1e-6)[0]
        # secants of length 1e-6 carry rounding of 1e-10, and 1/(1 − .99) amplifies it
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-7, atol=1e-8)
