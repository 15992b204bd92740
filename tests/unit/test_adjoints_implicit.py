"""The implicit gradient is exact: against a dense adjoint, finite differences, and unrolling."""

import copy
import pickle
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

from deqlab import (
    GMRES,
    DenseLU,
    FixedPointLinear,
    Implicit,
    NeumannSeries,
    Status,
    SymmetrizedCG,
)
from deqlab.linear.solution import LinearSolver
from deqlab.solution import OnFailure, Solution
from deqlab.solve import fixed_point
from deqlab.solvers.picard import Picard
from deqlab.stopping import RelativeResidual

with warnings.catch_warnings():  # torch's first use of forward mode compiles with its own old tools
    warnings.simplefilter("ignore", DeprecationWarning)
    import torch._decomp.decompositions_for_jvp

TIGHT = RelativeResidual(rtol=1e-14)
LINEAR: list[LinearSolver] = [
    GMRES(),
    GMRES(restart=2, max_restarts=100),
    NeumannSeries(),
    DenseLU(),
    FixedPointLinear(solver=Picard()),
    SymmetrizedCG(slope=lambda z: 1 - z**2),
]
every_linear_solver = pytest.mark.parametrize("linear", LINEAR, ids=lambda s: type(s).__name__)


def cell(z: Tensor, x: Tensor, W: Tensor) -> Tensor:
    return torch.tanh(z @ W.T + x)


def draw(
    seed: int = 0, d: int = 4, batch: int = 3, norm: float = 0.8, *, symmetric: bool = False
) -> tuple[Tensor, Tensor]:
    """x (B, d) and W (d, d) of 2-norm `norm`, both leaves."""
    g = torch.Generator().manual_seed(seed)
    W = torch.randn(d, d, generator=g, dtype=torch.float64)
    W = W + W.T if symmetric else W
    W = W * (norm / torch.linalg.matrix_norm(W, 2))
    x = torch.randn(batch, d, generator=g, dtype=torch.float64)
    return x.requires_grad_(), W.requires_grad_()


def solve(
    x: Tensor,
    W: Tensor,
    adjoint: Implicit | None = None,
    *,
    stop: RelativeResidual = TIGHT,
    max_steps: int = 3000,
    on_failure: OnFailure = OnFailure.WARN,
) -> Solution:
    return fixed_point(
        cell,
        torch.zeros_like(x),
        x,
        params=(W,),
        solver=Picard(),
        stop=stop,
        max_steps=max_steps,
        adjoint=adjoint or Implicit(rtol=1e-13),
        on_failure=on_failure,
    )


def dense_gradient(z: Tensor, x: Tensor, W: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """((I − J)⁻ᵀ v pulled back to x and W, by hand: J = D W, D = diag(1 − z²)."""
    D = 1 - z**2
    J = D[:, :, None] * W
    w = torch.linalg.solve((torch.eye(z.shape[1], dtype=z.dtype) - J).mT, v[:, :, None])[:, :, 0]
    return D * w, (D * w).T @ z


@every_linear_solver
@given(seed=st.integers(0, 99))
@settings(max_examples=10)
def test_gradient_agrees_with_a_dense_adjoint(linear: LinearSolver, seed: int) -> None:
    x, W = draw(seed, symmetric=True)
    solution = solve(x, W, Implicit(linear_solver=linear, rtol=1e-12))
    v = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
    gradient = torch.autograd.grad(solution.value, (x, W), v)
    exact = dense_gradient(solution.value.detach(), x.detach(), W.detach(), v)
    for g, e in zip(gradient, exact, strict=True):
        # s/(1 − L) of mathematics.md 16, with s = 1e-12 ‖v‖ and L ≤ .8, and J of norm ≤ 1 after it
        torch.testing.assert_close(g, e, rtol=0, atol=1e-12 * float(v.norm()) / 0.2 * 4)
    assert solution.adjoint is not None
    assert solution.adjoint.converged().all()


@every_linear_solver
def test_gradcheck_and_gradgradcheck(linear: LinearSolver) -> None:
    x, W = draw(d=2, batch=1, norm=0.5)
    if isinstance(linear, SymmetrizedCG):  # a perturbed W is not symmetric: perturb W + Wᵀ

        def value(x: Tensor, W: Tensor) -> Tensor:
            return solve(x, (W + W.T) / 2, Implicit(linear_solver=linear, rtol=1e-13)).value
    else:

        def value(x: Tensor, W: Tensor) -> Tensor:
            return solve(x, W, Implicit(linear_solver=linear, rtol=1e-13)).value

    assert gradcheck(value, (x, W), check_forward_ad=True)
    assert gradgradcheck(value, (x, W), check_fwd_over_rev=True)


def test_forward_and_reverse_mode_are_transposes() -> None:
    """⟨v, δz⟩ by forward mode equals ⟨(I − J)⁻ᵀ v pulled back, δθ⟩ by reverse mode."""
    x, W = draw(1)
    g = torch.Generator().manual_seed(2)
    dx, dW = (torch.randn(t.shape, generator=g, dtype=t.dtype) for t in (x, W))
    v = torch.randn(x.shape, generator=g, dtype=x.dtype)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual
        forward = torch.autograd.forward_ad.unpack_dual(
            solve(dual(x.detach(), dx), dual(W.detach(), dW)).value
        )
    gx, gW = torch.autograd.grad(solve(x, W).value, (x, W), v)
    left, right = (forward.tangent * v).sum(), (gx * dx).sum() + (gW * dW).sum()
    torch.testing.assert_close(left, right, rtol=1e-11, atol=0)


def test_the_gradient_exists_where_plain_iteration_fails() -> None:
    """z = tanh(−1.1 z + x): plain iteration cycles, and 1 ∉ σ(J) all the same."""
    x = torch.tensor([[0.001]], dtype=torch.float64, requires_grad=True)
    W = torch.tensor([[-1.1]], dtype=torch.float64)
    solution = fixed_point(
        cell,
        torch.zeros_like(x),
        x,
        params=(W,),
        solver=Picard(relaxation=0.5),
        stop=TIGHT,
        adjoint=Implicit(rtol=1e-13),
    )
    (gradient,) = torch.autograd.grad(solution.value, x)
    slope = 1 - float(solution.value.detach()) ** 2
    assert gradient.item() == pytest.approx(slope / (1 + 1.1 * slope), rel=1e-12)


@given(gap=st.sampled_from([0.3, 0.1, 0.03]), residual=st.sampled_from([1e-4, 1e-5, 1e-6]))
def test_gradient_error_is_bounded_by_forward_and_adjoint_residuals(
    gap: float, residual: float
) -> None:
    """‖ĝ − g‖ ≤ C₁ s/(1−L) + C₂ r/(1−L)² + C₃ r/(1−L)³, C₁, C₂, C₃ from the bounds of tanh.

    With ĝ = D(ẑ) ŵ: |tanh'| ≤ 1, |tanh''| ≤ 4/(3√3) =: c, ‖W‖ = L:
    ‖ŵ − w‖ ≤ s/(1−L) + L c ‖ẑ−z*‖ ‖w‖/(1−L), ‖w‖ ≤ ‖v‖/(1−L), ‖ẑ−z*‖ ≤ r/(1−L).
    """
    x, W = draw(3, norm=1 - gap)
    v = torch.ones_like(x)
    exact = torch.autograd.grad(solve(x, W).value, x, v)[0]
    rough = solve(
        x,
        W,
        Implicit(rtol=residual),
        stop=RelativeResidual(rtol=residual),
    )
    g = torch.autograd.grad(rough.value, x, v)[0]
    assert rough.adjoint is not None
    s, r = rough.adjoint.residual, rough.residual
    c, norm_v = 4 / (3 * 3**0.5), v.norm(dim=1)
    bound = s / gap + c * r * norm_v / gap**2 + c * r * norm_v / gap**3
    error = torch.linalg.vector_norm(g - exact, dim=1)
    assert (error <= bound + 1e-11).all()


def test_two_forwards_before_one_backward() -> None:
    x, W = draw(4)
    first, second = solve(x, W), solve(2 * x, W)
    both = torch.autograd.grad((first.value + second.value).sum(), W)[0]
    apart = [torch.autograd.grad(solve(t, W).value.sum(), W)[0] for t in (x, 2 * x)]
    torch.testing.assert_close(both, apart[0] + apart[1], rtol=1e-14, atol=0)


def test_a_retained_graph_gives_the_same_gradient_again() -> None:
    x, W = draw(5)
    loss = solve(x, W).value.square().sum()
    first = torch.autograd.grad(loss, (x, W), retain_graph=True)
    second = torch.autograd.grad(loss, (x, W))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_gradient_does_not_depend_on_the_mode_of_the_module() -> None:
    class Cell(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4).double()
            nn.init.orthogonal_(self.linear.weight, 0.7)

        def forward(self, z: Tensor, x: Tensor) -> Tensor:
            return torch.tanh(self.linear(z) + x)

    torch.manual_seed(0)
    module, (x, _) = Cell(), draw(6)
    gradients = []
    for training in (True, False):
        module.train(training)
        value = fixed_point(module, torch.zeros_like(x), x, solver=Picard(), stop=TIGHT).value
        gradients.append(torch.autograd.grad(value.sum(), [x, *module.parameters()]))
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    assert gradients[0][1].norm() > 0.1


def test_adjoints_can_be_pickled_copied_and_compared() -> None:
    for linear in LINEAR[:-1]:  # a lambda cannot be pickled
        adjoint = Implicit(linear_solver=linear, rtol=1e-6, max_products=50)
        assert pickle.loads(pickle.dumps(adjoint)) == adjoint
        assert copy.deepcopy(adjoint) == adjoint
    assert Implicit() == Implicit()


def test_without_a_gradient_f_is_evaluated_by_the_solver_alone() -> None:
    calls = 0

    def f(z: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return torch.cos(z)

    z0 = torch.zeros(2, 1, dtype=torch.float64)
    with torch.no_grad():
        solution = fixed_point(f, z0, solver=Picard(), adjoint=Implicit())
    assert calls == solution.nfe.max()
    assert not solution.value.requires_grad


def test_the_start_gets_no_gradient() -> None:
    x, W = draw(7)
    z0 = torch.zeros_like(x).requires_grad_()
    value = fixed_point(cell, z0, x, params=(W,), solver=Picard(), stop=TIGHT).value
    assert torch.autograd.grad(value.sum(), z0, allow_unused=True)[0] is None
    with torch.no_grad():
        constant = fixed_point(torch.cos, z0, solver=Picard()).value
    assert not constant.requires_grad


def test_tuples_and_integer_inputs_are_differentiated_through() -> None:
    x, W = draw(8)
    order = torch.tensor([2, 0, 1])

    def f(state: tuple[Tensor, Tensor], x: Tensor, order: Tensor, W: Tensor) -> tuple:
        a, b = state
        return torch.tanh(b @ W.T + x), 0.5 * a[:, [0]] * torch.ones_like(b) + order[:, None] * 0.1

    start = (torch.zeros_like(x), torch.zeros_like(x))

    def value(x: Tensor, W: Tensor) -> Tensor:
        solution = fixed_point(
            f,
            start,
            x,
            order,
            params=(W,),
            solver=Picard(),
            stop=TIGHT,
            max_steps=500,
            adjoint=Implicit(rtol=1e-13),
        )
        return torch.cat(solution.value, dim=1)

    assert gradcheck(value, (x, W))


def test_an_f_that_depends_on_no_input_has_no_gradient() -> None:
    value = fixed_point(torch.cos, torch.zeros(1, 1, dtype=torch.float64), solver=Picard()).value
    assert not value.requires_grad


def test_an_f_that_does_not_depend_on_z_has_its_own_derivative() -> None:
    x, W = draw(9)
    value = fixed_point(lambda z, x, W: x @ W, torch.zeros_like(x), x, params=(W,), solver=Picard())
    gradient = torch.autograd.grad(value.value.sum(), (x, W))
    expected = torch.autograd.grad((x @ W).sum(), (x, W))
    torch.testing.assert_close(gradient, expected)


def test_a_step_dependent_f_is_refused() -> None:
    def f(z: Tensor, step: int) -> Tensor:
        return z / (step + 2)

    with pytest.raises(ValueError, match=r"f declares step=.*use adjoint=Unrolled"):
        fixed_point(f, torch.ones(1, 1), solver=Picard(), adjoint=Implicit())


@pytest.mark.parametrize(("rtol", "max_products"), [(0.0, None), (1.0, None), (None, 0)])
def test_invalid_options_are_refused(rtol: float | None, max_products: int | None) -> None:
    with pytest.raises(ValueError, match="must"):
        Implicit(rtol=rtol, max_products=max_products)


def test_nothing_in_the_graph_keeps_the_solution_alive() -> None:
    """No reference cycle: the state is freed with the last name for it, not by the collector."""
    import gc
    import weakref

    x, W = draw(10)
    gc.disable()
    try:
        solution = solve(x, W)
        ghost = weakref.ref(solution.value)
        del solution
        assert ghost() is None
    finally:
        gc.enable()


def test_status_of_the_forward_solve_is_reported_beside_the_gradient() -> None:
    x, W = draw(11, norm=0.99, symmetric=True)
    with pytest.warns(UserWarning, match="MAX_STEPS"):
        solution = solve(x, W, max_steps=3)
    assert (solution.status == Status.MAX_STEPS).all()
    assert torch.isfinite(torch.autograd.grad(solution.value.sum(), W)[0]).all()
