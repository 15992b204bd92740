"""Newton–Krylov: quadratic convergence, forcing, backtracking, honest counts."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from benchmarks import problems
from deqlab import (
    GMRES,
    DenseLU,
    NewtonKrylov,
    OnFailure,
    RelativeResidual,
    Unrolled,
    fixed_point,
    iterate,
)

DOUBLE = torch.float64


def test_each_step_gains_more_digits_than_the_one_before() -> None:
    instance = problems.cell("symmetric", d=32, c=0.9, seed=0, batch=1)
    rule = RelativeResidual(rtol=1e-13)
    solver = NewtonKrylov()
    residuals = [
        float(it.residual)
        for it in iterate(instance, instance.start, solver=solver, stop=rule, max_steps=30)
    ]
    factors = [b / a for a, b in pairwise(residuals)]
    assert residuals[-1] <= 1e-12
    assert all(b < a for a, b in pairwise(factors[:-1]))  # the last is cut off by rounding
    assert min(factors) < 1e-4


def test_one_step_solves_a_linear_map() -> None:
    instance = problems.linear("ginibre", d=24, c=0.9, seed=0, batch=3)
    solution = fixed_point(
        instance,
        instance.start,
        solver=NewtonKrylov(linear_solver=DenseLU()),
        stop=RelativeResidual(rtol=1e-12),
    )
    assert solution.num_steps.tolist() == [1, 1, 1]


def test_a_fixed_point_that_repels_plain_iteration() -> None:
    z0 = torch.tensor([[0.1], [-0.2]], dtype=DOUBLE)
    solution = fixed_point(lambda z: 3 * torch.tanh(z), z0, solver=NewtonKrylov())
    assert solution.converged().all()
    assert float(solution.value.abs().max()) < 1e-6


def test_backtracking_tames_a_step_that_is_far_too_long() -> None:
    """g(z) = −arctan(20 z): Newton's step from z₀ = 1 overshoots further each time."""
    z0 = torch.tensor([[1.0], [0.01]], dtype=DOUBLE)
    f = lambda z: z - torch.atan(20 * z)  # noqa: E731
    z = z0[:1]
    for _ in range(3):
        z = z - torch.atan(20 * z) * (1 + 400 * z**2) / 20
    assert not float(z.abs()) < 1e3  # the full steps diverge
    solution = fixed_point(f, z0, solver=NewtonKrylov(), max_steps=60)
    assert solution.converged().all()


def test_products_are_counted() -> None:
    instance = problems.cell("symmetric", d=32, c=0.9, seed=0, batch=4)
    calls = 0

    class Counting:
        def solve(self, product: object, b: Tensor, **options: object) -> object:
            nonlocal calls
            answer = GMRES().solve(product, b, **options)  # type: ignore[arg-type]
            calls += int(answer.products.max())
            return answer

    solution = fixed_point(instance, instance.start, solver=NewtonKrylov(linear_solver=Counting()))  # type: ignore[arg-type]
    evaluations = solution.num_steps + 1
    assert (solution.nfe > 2 * evaluations).all()
    assert int(solution.nfe.max()) <= calls + 2 * int(evaluations.max())


def test_a_bad_row_is_alone_and_a_jump_is_survived() -> None:
    instance = problems.cell("ginibre", d=16, c=0.9, seed=0, batch=3)
    bad = torch.tensor([[0.0], [torch.nan], [0.0]], dtype=DOUBLE)
    solution = fixed_point(
        lambda z, x, bad: instance.apply(z, x, instance.W) + bad,
        instance.start,
        instance.inputs,
        bad,
        solver=NewtonKrylov(),
        on_failure=OnFailure.IGNORE,
    )
    assert solution.converged().tolist() == [True, False, True]


def test_unrolling_is_refused() -> None:
    with pytest.raises(ValueError, match="NewtonKrylov"):
        fixed_point(torch.cos, torch.zeros(1, 1), solver=NewtonKrylov(), adjoint=Unrolled())
