"""What a gradient does when a row, or the adjoint solve, fails; and in low precision."""

import warnings

import pytest
import torch
from torch import Tensor

from deqlab import GMRES, Implicit, JacobianFree, NeumannSeries, Status, SymmetrizedCG, Unrolled
from deqlab.adjoints.phantom import PhantomGradient
from deqlab.linear.solution import LinearSolver
from deqlab.solution import ConvergenceWarning, OnFailure, Solution
from deqlab.solve import fixed_point
from deqlab.solvers.picard import Picard
from deqlab.stopping import RelativeResidual

ADJOINTS = [Implicit(rtol=1e-12), JacobianFree(), PhantomGradient(terms=3), Unrolled()]
every_adjoint = pytest.mark.parametrize("adjoint", ADJOINTS, ids=lambda a: type(a).__name__)


def draw(d: int = 4, batch: int = 4, norm: float = 0.8) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    W = torch.randn(d, d, generator=g, dtype=torch.float64)
    W *= norm / torch.linalg.matrix_norm(W, 2)
    return torch.randn(batch, d, generator=g, dtype=torch.float64), W


def gradients(
    x: Tensor, W: Tensor, adjoint: object, v: Tensor | None = None
) -> tuple[tuple[Tensor, Tensor], Solution]:
    x, W = x.clone().requires_grad_(), W.clone().requires_grad_()
    solution = fixed_point(
        lambda z, x, W: torch.tanh(z @ W.T + x),
        torch.zeros_like(x),
        x,
        params=(W,),
        solver=Picard(),
        stop=RelativeResidual(rtol=1e-13),
        max_steps=500,
        adjoint=adjoint,
        on_failure=OnFailure.IGNORE,
    )
    return torch.autograd.grad((solution.value * (1 if v is None else v)).sum(), (x, W)), solution


@every_adjoint
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("row", [0, 2, 3])
def test_a_row_that_is_not_finite_gets_zero_and_touches_no_other(
    adjoint: object, bad: float, row: int
) -> None:
    x, W = draw()
    others = [i for i in range(4) if i != row]
    (gx, gW), _ = gradients(x[others], W, adjoint)
    x = x.clone()
    x[row, 1] = bad if adjoint is not None else 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (hx, hW), solution = gradients(x, W, adjoint)
    if bad != bad:  # tanh is finite at infinity: that row is sound
        assert solution.status[row] == Status.NONFINITE
        assert (hx[row] == 0).all()
        torch.testing.assert_close(hW, gW, rtol=1e-11, atol=1e-13)
    assert torch.isfinite(hx).all()
    assert torch.isfinite(hW).all()
    torch.testing.assert_close(hx[others], gx, rtol=1e-11, atol=1e-13)


@every_adjoint
def test_a_diverging_row_touches_no_other(adjoint: object) -> None:
    """z ↦ a z + x with a = 3 in one row."""
    x, _ = draw()
    a = torch.tensor([0.5, 3.0, 0.5, 0.5], dtype=x.dtype)[:, None]

    def gradient(rows: list[int]) -> tuple[Tensor, Tensor]:
        leaf = x[rows].clone().requires_grad_()
        solution = fixed_point(
            lambda z, x, a: a * z + x,
            torch.zeros_like(leaf),
            leaf,
            a[rows],
            solver=Picard(),
            stop=RelativeResidual(rtol=1e-13),
            max_steps=2000,
            adjoint=adjoint,
            on_failure=OnFailure.IGNORE,
        )
        return torch.autograd.grad(solution.value.sum(), leaf)[0], solution.status

    alone, _ = gradient([0, 2, 3])
    beside, status = gradient([0, 1, 2, 3])
    assert status[1] in (Status.DIVERGED, Status.NONFINITE)
    torch.testing.assert_close(beside[[0, 2, 3]], alone, rtol=1e-11, atol=0)
    if not isinstance(adjoint, Unrolled):  # which is exact for the steps it took
        assert (beside[1] == 0).all()


@pytest.mark.parametrize(
    "linear",
    [GMRES(restart=2, max_restarts=1), NeumannSeries(max_terms=5), SymmetrizedCG()],
    ids=lambda s: type(s).__name__,
)
def test_a_failed_adjoint_solve_warns_and_is_reported(linear: LinearSolver) -> None:
    x, W = draw(d=16, norm=0.95)
    with pytest.warns(ConvergenceWarning, match=r"the linear system .* is unsolved in 4 of 4 rows"):
        (gx, gW), solution = gradients(x, W, Implicit(linear_solver=linear, rtol=1e-10))
    assert solution.adjoint is not None
    assert not solution.adjoint.converged().any()
    assert (solution.adjoint.relative_residual > 1e-10).all()
    assert torch.isfinite(gx).all()
    assert torch.isfinite(gW).all()


def test_the_limit_of_products_is_respected() -> None:
    x, W = draw(d=16, norm=0.95)
    with pytest.warns(ConvergenceWarning, match="after 4 products with the Jacobian"):
        _, solution = gradients(x, W, Implicit(rtol=1e-10, max_products=4))
    assert solution.adjoint is not None
    assert solution.adjoint.products.max() == 4


def test_one_unsolvable_row_leaves_the_gradients_of_the_others_exact() -> None:
    """The state of row 0 sits where J = 1: its adjoint has no solution."""
    x = torch.tensor([[0.0], [0.3]], dtype=torch.float64)
    a = torch.tensor([[1.0], [0.5]], dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    solution = fixed_point(
        lambda z, x, a: a * z + x,
        torch.zeros_like(x),
        leaf,
        a,
        solver=Picard(),
        adjoint=Implicit(rtol=1e-12),
        max_steps=200,
        stop=RelativeResidual(rtol=1e-13),
    )
    with pytest.warns(ConvergenceWarning, match="in 1 of 2 rows"):
        (gradient,) = torch.autograd.grad(solution.value.sum(), leaf)
    assert gradient[1].item() == pytest.approx(2.0, rel=1e-11)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_low_precision_gradients_are_right_to_that_precision(dtype: torch.dtype) -> None:
    x, W = draw(d=8, norm=0.6)
    (exact, _), _ = gradients(x, W, Implicit(rtol=1e-12))
    leaf = x.to(dtype).requires_grad_()
    solution = fixed_point(
        lambda z, x, W: torch.tanh(z @ W.T + x),
        torch.zeros_like(leaf),
        leaf,
        params=(W.to(dtype),),
        solver=Picard(),
        adjoint=Implicit(),
    )
    (gradient,) = torch.autograd.grad(solution.value.sum(), leaf)
    assert gradient.dtype == dtype
    assert solution.adjoint is not None
    assert solution.adjoint.converged().all()
    # residuals of at most 8 eps ‖·‖ forward and backward (1e-5 in float32), through 1/(1 − L)³
    eps = max(8 * torch.finfo(dtype).eps, 1e-5 if dtype == torch.float32 else 0.0)
    assert (gradient.double() - exact).norm() <= 2 * eps / 0.4**3 * exact.norm()


def test_autocast_in_both_passes() -> None:
    x, W = draw(d=8, norm=0.6)
    (exact, exact_W), _ = gradients(x, W, Implicit(rtol=1e-12))
    leaf, weight = x.float().requires_grad_(), W.float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        solution = fixed_point(
            lambda z, x, W: torch.tanh(z @ W.T + x),
            torch.zeros_like(leaf),
            leaf,
            params=(weight,),
            solver=Picard(),
        )
    assert solution.value.dtype == torch.float32
    inside = torch.autograd.grad(solution.value.sum(), (leaf, weight), retain_graph=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outside = torch.autograd.grad(solution.value.sum(), (leaf, weight))
    for g, h, e in zip(inside, outside, (exact, exact_W), strict=True):
        torch.testing.assert_close(g, h)
        assert g.dtype == torch.float32
        assert (g.double() - e).norm() <= 16 * torch.finfo(torch.bfloat16).eps / 0.4**3 * e.norm()


@pytest.mark.parametrize("adjoint", ADJOINTS[:3], ids=str)  # unrolled, it takes no step
def test_an_empty_batch_has_an_empty_gradient(adjoint: object) -> None:
    x, W = draw()
    (gx, gW), _ = gradients(x[:0], W, adjoint)
    assert gx.shape == (0, 4)
    assert (gW == 0).all()


def test_an_f_that_is_not_differentiable_at_the_solution_has_torchs_subgradient() -> None:
    """z = relu(z/2 + x) at x = 0: z* = 0, and torch takes relu'(0) = 0."""
    x = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    solution = fixed_point(
        lambda z, x: torch.relu(z / 2 + x),
        torch.ones_like(x),
        x,
        solver=Picard(),
        max_steps=2000,
        stop=RelativeResidual(rtol=0.0, atol=1e-300),
    )
    assert torch.autograd.grad(solution.value.sum(), x)[0].item() in (0.0, 2.0)
