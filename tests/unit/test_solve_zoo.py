"""Robustness: odd starts, odd sizes, bad rows, awkward maps; and defects seen in public code."""

import copy
import gc
import math
import pickle
import warnings
import weakref

import pytest
import torch
from torch import Tensor

import deqlab
from deqlab import (
    Anderson,
    Broyden,
    Implicit,
    NewtonKrylov,
    OnFailure,
    Picard,
    RelativeResidual,
    Status,
    Unrolled,
    fixed_point,
    iterate,
)
from deqlab.problem import make_problem
from deqlab.solve import Plan

DOUBLE = torch.float64
SOLVERS = [
    pytest.param(solver, id=type(solver).__name__)
    for solver in (
        Picard(),
        Anderson(),
        Broyden(),
        NewtonKrylov(),
    )
]
Solver = deqlab.Picard  # any of them


def cell(z: Tensor, x: Tensor, W: Tensor) -> Tensor:
    return torch.tanh(z @ W.T + x)


def instance(batch: int = 4, size: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(size, size, generator=generator, dtype=DOUBLE)
    x = torch.randn(batch, size, generator=generator, dtype=DOUBLE)
    return 0.7 * W / torch.linalg.matrix_norm(W, 2), x


@pytest.mark.parametrize("solver", SOLVERS)
def test_start_at_the_solution(solver: Solver) -> None:
    W, x = instance()
    exact = fixed_point(cell, torch.zeros_like(x), x, params=(W,)).value
    again = fixed_point(cell, exact, x, params=(W,), solver=solver)
    assert again.num_steps.tolist() == [0] * 4
    assert torch.equal(again.value, exact)
    assert again.value.data_ptr() != exact.data_ptr()
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(fixed_point(cell, exact, x, params=(W,)).value.sum(), x)
    assert (gradient != 0).all()
    zero = fixed_point(lambda z: 0.5 * z, torch.zeros(2, 3), solver=solver)
    assert zero.converged().all()
    assert zero.nfe.tolist() == [1, 1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_going_on_at_the_solution_stays_there(solver: Solver) -> None:
    W, x = instance()
    exact = fixed_point(
        cell, torch.zeros_like(x), x, params=(W,), stop=RelativeResidual(rtol=1e-15)
    )
    later = fixed_point(cell, exact.value, x, params=(W,), solver=solver, stop=None, max_steps=30)
    torch.testing.assert_close(later.value, exact.value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_few_steps_are_taken_and_the_best_is_returned(solver: Solver, steps: int) -> None:
    W, x = instance()
    solution = fixed_point(
        cell,
        torch.zeros_like(x),
        x,
        params=(W,),
        solver=solver,
        max_steps=steps,
        on_failure=OnFailure.IGNORE,
    )
    assert solution.num_steps.tolist() == [steps] * 4
    assert (solution.status == Status.MAX_STEPS).all()
    first = torch.tanh(x).norm(dim=1)
    assert (solution.residual <= first).all()
    assert bool((solution.residual < first).all()) == (steps > 0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("batch", "size"), [(0, 3), (1, 1), (1, 5), (3, 1)])
def test_small_shapes(solver: Solver, batch: int, size: int) -> None:
    W, x = instance(batch, size)
    x.requires_grad_()
    solution = fixed_point(cell, torch.zeros_like(x), x, params=(W,), solver=solver, compact=True)
    assert solution.value.shape == (batch, size)
    assert solution.converged().all()
    (gradient,) = torch.autograd.grad(solution.value.sum(), x)
    assert gradient.shape == x.shape


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_state_that_is_not_contiguous(solver: Solver) -> None:
    W, x = instance()
    solution = fixed_point(cell, torch.zeros_like(x), x, params=(W,), solver=solver)
    strided = fixed_point(
        lambda z, x, W: cell(z, x, W).T.contiguous().T,
        torch.zeros(6, 4, dtype=DOUBLE).T,
        x.T.contiguous().T,
        params=(W.T.contiguous().T,),
        solver=solver,
    )
    # summed in another order: the same steps but for rounding at the threshold
    torch.testing.assert_close(strided.value, solution.value, rtol=0, atol=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("bad_from", [0, 2])
def test_a_row_that_turns_bad_at_step_k_is_alone(
    solver: Solver, compact: bool, value: float, bad_from: int
) -> None:
    W, x = instance()
    W.requires_grad_()
    row = torch.arange(4)

    def f(z: Tensor, x: Tensor, row: Tensor, W: Tensor, *, step: int) -> Tensor:
        fz = cell(z, x, W)
        return torch.where((row == 1)[:, None], value, fz) if step >= bad_from else fz

    problem = make_problem(f, torch.zeros_like(x), (x, row), (W,))
    plan = Plan(
        solver=solver,
        rule=RelativeResidual(),
        max_steps=200,
        compact=compact,
        on_failure=OnFailure.IGNORE,
    )
    with torch.no_grad():
        solution = plan(problem)
        alone = fixed_point(cell, torch.zeros_like(x), x, params=(W,), solver=solver)
    others = [0, 2, 3]
    assert solution.status.tolist() == [0, Status.NONFINITE, 0, 0]
    assert int(solution.num_steps[1]) == bad_from
    assert int(solution.nfe[1]) >= bad_from + 1
    assert torch.isfinite(solution.value).all()
    assert torch.equal(solution.num_steps[others], alone.num_steps[others])
    # bitwise beside the bad row; with compact=True the products have fewer rows: rounding
    torch.testing.assert_close(
        solution.value[others], alone.value[others], rtol=0, atol=1e-13 if compact else 0
    )
    if isinstance(solver, deqlab.NewtonKrylov):  # its steps cannot be differentiated
        return
    differentiated = Unrolled().attach(problem, plan).value
    assert torch.isfinite(differentiated).all()
    (gradient,) = torch.autograd.grad(differentiated.sum(), W)
    reference = fixed_point(
        cell,
        torch.zeros(3, 6, dtype=DOUBLE),
        x[others],
        params=(W,),
        solver=solver,
        adjoint=Unrolled(),
    )
    (expected,) = torch.autograd.grad(reference.value.sum(), W)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("compact", [False, True])
def test_one_bad_sample_leaves_every_other_value_and_gradient_alone(
    solver: Solver, compact: bool
) -> None:
    W, x = instance()
    x[1] = math.nan
    x.requires_grad_()
    W.requires_grad_()
    solution = fixed_point(
        cell,
        torch.zeros_like(x),
        x,
        params=(W,),
        solver=solver,
        compact=compact,
        on_failure=OnFailure.IGNORE,
    )
    others = [0, 2, 3]
    alone = fixed_point(
        cell, torch.zeros(3, 6, dtype=DOUBLE), x[others], params=(W,), solver=solver
    )
    assert solution.status.tolist() == [0, Status.NONFINITE, 0, 0]
    assert torch.isfinite(solution.value).all()
    torch.testing.assert_close(solution.value[others], alone.value, rtol=0, atol=1e-13)
    grads = torch.autograd.grad(solution.value.square().sum(), (x, W))
    expected = torch.autograd.grad(alone.value.square().sum(), (x, W))
    assert all(torch.isfinite(g).all() for g in grads)
    for g, e in zip(grads, expected, strict=True):  # both adjoint solves stop at 1e-8
        torch.testing.assert_close(g, e, rtol=0, atol=1e-6)


@pytest.mark.parametrize("compact", [False, True])
def test_a_diverging_row_is_named_and_leaves_the_others_alone(compact: bool) -> None:
    c = torch.tensor([[0.5], [3.0], [0.9]], dtype=DOUBLE)
    solution = fixed_point(
        lambda z, c: c * z + 1,
        torch.zeros(3, 1, dtype=DOUBLE),
        c,
        solver=Picard(),
        compact=compact,
        on_failure=OnFailure.IGNORE,
    )
    assert solution.status.tolist() == [Status.CONVERGED, Status.DIVERGED, Status.CONVERGED]
    assert solution.value[1].tolist() == [0.0]  # the iterate of lowest residual
    assert float(solution.residual[1]) == 1.0
    assert float(solution.rate[1]) == pytest.approx(3.0)
    assert 3.0 ** int(solution.num_steps[1]) > 1 / torch.finfo(DOUBLE).eps
    assert "the residual grew without bound" in solution.message
    torch.testing.assert_close(solution.value[[0, 2]], 1 / (1 - c[[0, 2]]), rtol=1e-6, atol=0)


def test_a_long_transient_is_no_divergence() -> None:
    """0.5 I + 2 N, nilpotent N of size 12: the residual grows 10⁴-fold before it falls."""
    W = 0.5 * torch.eye(12, dtype=DOUBLE) + 2 * torch.diag(torch.ones(11, dtype=DOUBLE), 1)
    b = torch.ones(1, 12, dtype=DOUBLE)
    solution = fixed_point(
        lambda z: z @ W.T + b, torch.zeros_like(b), solver=Picard(), max_steps=500, history=True
    )
    assert solution.history.residual.max() > 1e4 * solution.history.residual[0]
    assert solution.converged().all()


def test_a_state_that_runs_away_has_not_converged() -> None:
    # ‖f(z)‖ grows until a residual of 1 is small beside it
    solution = fixed_point(
        lambda z: z + 1,
        torch.zeros(2, 3),
        solver=Picard(),
        stop=RelativeResidual(rtol=1e-2),
        max_steps=400,
        on_failure=OnFailure.IGNORE,
    )
    assert (solution.status == Status.MAX_STEPS).all()
    assert solution.residual.tolist() == pytest.approx([math.sqrt(3)] * 2)


def test_an_overshooting_solver_has_not_converged() -> None:
    # Broyden's steps on z − arctan z leave for −1e9, where the residual is π/2
    solution = fixed_point(
        lambda z: z - torch.arctan(z),
        torch.tensor([[-3.0], [1.0]], dtype=torch.float64),
        solver=Broyden(),
        on_failure=OnFailure.IGNORE,
    )
    solved = solution.value.abs()[:, 0] < 1e-8
    assert ((solution.status == Status.CONVERGED) == solved).all()
    assert solved[1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_zero_solution(solver: Solver) -> None:
    W, _ = instance()
    z = torch.ones(2, 6, dtype=DOUBLE)
    solution = fixed_point(lambda z: torch.tanh(z @ W.T), z, solver=solver)
    assert solution.converged().all()
    assert solution.value.abs().max() < 1e-7


@pytest.mark.parametrize("solver", SOLVERS)
def test_f_that_does_not_depend_on_z(solver: Solver) -> None:
    x = instance(3, 4)[1].requires_grad_()
    solution = fixed_point(lambda z, x: 2 * x, torch.zeros(3, 4, dtype=DOUBLE), x, solver=solver)
    assert solution.num_steps.tolist() == [1, 1, 1]
    # Newton's z + d rounds once more than f(z)
    torch.testing.assert_close(solution.value, 2 * x, rtol=4e-16, atol=0)
    (gradient,) = torch.autograd.grad(solution.value.sum(), x)
    assert torch.equal(gradient, torch.full_like(x, 2.0))


@pytest.mark.parametrize("solver", SOLVERS)
def test_f_not_differentiable_at_the_solution(solver: Solver) -> None:
    """z = ½|z| + x at x = 0: z* = 0, where |z| has a kink; torch takes the slope 0 there."""
    x = torch.zeros(1, 1, dtype=DOUBLE, requires_grad=True)
    start = torch.full_like(x, -4.0)
    solution = fixed_point(
        lambda z, x: 0.5 * z.abs() + x, start, x, solver=solver, stop=RelativeResidual(atol=1e-12)
    )
    assert solution.converged().all()
    (gradient,) = torch.autograd.grad(solution.value.sum(), x)
    assert 2 / 3 - 1e-9 <= float(gradient) <= 2 + 1e-9  # between the one-sided slopes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("solver", SOLVERS)
def test_an_unattainable_tolerance_stagnates_per_sample(solver: Solver, dtype: torch.dtype) -> None:
    W, x = instance(8, 32)
    x[0] = 0.0  # this row starts at its solution
    W, x = W.to(dtype), x.to(dtype)
    solution = fixed_point(
        cell,
        torch.zeros_like(x),
        x,
        params=(W,),
        solver=solver,
        stop=RelativeResidual(rtol=1e-30),
        max_steps=1000,
        on_failure=OnFailure.IGNORE,
    )
    assert solution.status[0] == Status.CONVERGED
    ended = solution.status[1:]  # a row may also land on an exact fixed point of the rounded map
    assert ((ended == Status.STAGNATED) | (solution.residual[1:] == 0)).all()
    assert (ended == Status.STAGNATED).any()
    assert (solution.relative_residual <= 16 * torch.finfo(dtype).eps).all()
    assert int(solution.num_steps.max()) < 200
    assert "loosen the tolerance or use a wider dtype" in solution.message


def test_a_two_cycle_is_not_called_rounding() -> None:
    solution = fixed_point(
        lambda z: 1 - z, torch.zeros(1, 1), solver=Picard(), on_failure=OnFailure.IGNORE
    )
    assert solution.status.tolist() == [Status.MAX_STEPS]
    assert float(solution.rate) == 1.0


def test_identity_is_solved_by_every_start() -> None:
    z = torch.randn(2, 3)
    assert torch.equal(fixed_point(lambda z: z, z).value, z)


# Defects of public libraries; see the README of benchmarks for the versions


def test_two_forwards_before_one_backward() -> None:
    W, x = instance()
    x.requires_grad_()
    first = fixed_point(cell, torch.zeros_like(x), x, params=(W,)).value
    second = fixed_point(cell, torch.zeros_like(x), 2 * x, params=(W,)).value
    together = torch.autograd.grad((first + second).sum(), x, retain_graph=True)[0]
    apart = torch.autograd.grad(first.sum(), x)[0] + torch.autograd.grad(second.sum(), x)[0]
    torch.testing.assert_close(together, apart, rtol=1e-12, atol=1e-12)


def test_a_second_backward_returns_the_same_gradient() -> None:
    W, x = instance()
    x.requires_grad_()
    value = fixed_point(cell, torch.zeros_like(x), x, params=(W,)).value.sum()
    first, second = (torch.autograd.grad(value, x, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_no_reference_cycle_keeps_a_dropped_solution() -> None:
    W, x = instance()
    x.requires_grad_()
    gc.collect()
    gc.disable()
    try:
        solution = fixed_point(cell, torch.zeros_like(x), x, params=(W,))
        value = weakref.ref(solution.value)
        del solution
        assert value() is None
    finally:
        gc.enable()


def test_a_solution_can_be_pickled_and_copied() -> None:
    W, x = instance()
    solution = fixed_point(cell, torch.zeros_like(x), x, params=(W,), history=True)
    for twin in (pickle.loads(pickle.dumps(solution)), copy.deepcopy(solution)):
        assert torch.equal(twin.value, solution.value)
        assert twin.message == solution.message


def test_the_defaults_are_not_changed_by_use() -> None:
    solver, rule, adjoint = Anderson(), RelativeResidual(), Implicit()
    W, x = instance()
    for _ in range(2):
        fixed_point(
            cell, torch.zeros_like(x), x, params=(W,), solver=solver, stop=rule, adjoint=adjoint
        )
    assert (solver, rule, adjoint) == (Anderson(), RelativeResidual(), Implicit())
    assert pickle.loads(pickle.dumps((solver, rule, adjoint))) == (solver, rule, adjoint)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(solver: Solver, dtype: torch.dtype) -> None:
    W, x = instance()
    W, x = W.to(dtype), x.to(dtype).requires_grad_()
    solution = fixed_point(cell, torch.zeros_like(x), x, params=(W,), solver=solver)
    assert solution.value.dtype == dtype
    assert solution.converged().all()
    (gradient,) = torch.autograd.grad(solution.value.sum(), x)
    assert torch.isfinite(gradient).all()


def test_non_convergence_is_never_silent() -> None:
    with pytest.warns(deqlab.ConvergenceWarning, match="MAX_STEPS .2 of 2 samples. after 1 steps"):
        fixed_point(torch.cos, torch.zeros(2, 1), max_steps=1)


def test_convergence_is_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fixed_point(torch.cos, torch.zeros(2, 1))


def test_an_abandoned_iteration_leaves_the_grad_mode_alone() -> None:
    with torch.no_grad():
        steps = iterate(torch.cos, torch.zeros(1, 1))
        next(steps)
    assert torch.is_grad_enabled()
    next(steps)
    assert torch.is_grad_enabled()
    steps.close()
    assert torch.is_grad_enabled()
