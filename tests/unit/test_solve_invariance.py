"""Rows are independent; the unit of z does not matter; compaction changes nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import deqlab
from deqlab import Anderson, OnFailure, Picard, fixed_point

DOUBLE = torch.float64
SOLVERS = [
    Picard(),
    Picard(relaxation=0.7),
    Anderson(),
    Anderson(memory=2),
    deqlab.Broyden(),
    deqlab.NewtonKrylov(),
]
solvers = st.sampled_from(SOLVERS)
seeds = st.integers(0, 2**16)


def cell(z: Tensor, x: Tensor, W: Tensor) -> Tensor:
    return torch.tanh(z @ W.T + x)


def instance(seed: int, batch: int, size: int, L: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(size, size, generator=generator, dtype=DOUBLE)
    scale = 10 ** torch.empty(batch, 1, dtype=DOUBLE).uniform_(-2, 0, generator=generator)
    x = scale * torch.randn(batch, size, generator=generator, dtype=DOUBLE)
    return L * W / torch.linalg.matrix_norm(W, 2), x


@given(solver=solvers, seed=seeds, power=st.integers(-40, 40), size=st.integers(1, 8))
@settings(max_examples=60)
def test_a_power_of_two_as_the_unit_changes_no_count(
    solver: Picard, seed: int, power: int, size: int
) -> None:
    """f_s(z) = s f(z/s), from s z₀: the same steps, and s times the same iterates.

    Scaling by s is exact; a matrix product may still sum in another order, as memory is aligned.
    """
    W, x = instance(seed, 3, size, 0.8)
    s = 2.0**power
    start = 0.1 * torch.ones_like(x)
    plain = fixed_point(cell, start, x, params=(W,), solver=solver)
    scaled = fixed_point(lambda z, x: s * cell(z / s, x, W), s * start, x, params=(), solver=solver)
    assert torch.equal(scaled.num_steps, plain.num_steps)
    assert torch.equal(scaled.nfe, plain.nfe)
    torch.testing.assert_close(scaled.value / s, plain.value, rtol=0, atol=1e-13)


@given(solver=solvers, seed=seeds, s=st.floats(1e-12, 1e12), size=st.integers(1, 8))
@settings(max_examples=60)
def test_any_unit_changes_the_steps_by_at_most_one(
    solver: Picard, seed: int, s: float, size: int
) -> None:
    W, x = instance(seed, 3, size, 0.8)
    plain = fixed_point(cell, torch.zeros_like(x), x, params=(W,), solver=solver)
    scaled = fixed_point(lambda z, x: s * cell(z / s, x, W), torch.zeros_like(x), x, solver=solver)
    assert ((scaled.num_steps - plain.num_steps).abs() <= 1).all()


@given(solver=solvers, seed=seeds, compact=st.booleans(), size=st.integers(1, 8))
@settings(max_examples=60)
def test_a_row_alone_is_the_row_in_a_batch(
    solver: Picard, seed: int, compact: bool, size: int
) -> None:
    """Beside a diverging, a nan and an exact row; both runs stop within rtol of one solution."""
    L = 0.8
    W, x = instance(seed, 5, size, L)
    x[1] = torch.nan
    gain = torch.ones(5, 1, dtype=DOUBLE)
    gain[3] = 40.0

    def f(z: Tensor, x: Tensor, gain: Tensor) -> Tensor:
        return torch.where(gain > 1, gain * z + 1, cell(z, x, W))

    batch = fixed_point(
        f,
        torch.zeros_like(x),
        x,
        gain,
        solver=solver,
        compact=compact,
        on_failure=OnFailure.IGNORE,
    )
    for row in (0, 2, 4):
        alone = fixed_point(
            f, torch.zeros(1, size, dtype=DOUBLE), x[row : row + 1], gain[:1], solver=solver
        )
        assert abs(int(alone.num_steps) - int(batch.num_steps[row])) <= 1
        bound = (alone.residual + batch.residual[row]) / (1 - L)  # both errors, by the residual
        assert torch.linalg.vector_norm(alone.value[0] - batch.value[row]) <= bound + 1e-14


@given(solver=solvers, seed=seeds, compact=st.booleans(), order=st.permutations(range(6)))
@settings(max_examples=60)
def test_permuted_rows_give_permuted_solutions(
    solver: Picard, seed: int, compact: bool, order: list[int]
) -> None:
    L = 0.8
    W, x = instance(seed, 6, 5, L)
    solve = {"params": (W,), "solver": solver, "compact": compact}
    straight = fixed_point(cell, torch.zeros_like(x), x, **solve)
    permuted = fixed_point(cell, torch.zeros_like(x), x[order], **solve)
    assert ((permuted.num_steps - straight.num_steps[order]).abs() <= 1).all()
    bound = (permuted.residual + straight.residual[order]) / (1 - L) + 1e-14
    error = torch.linalg.vector_norm(permuted.value - straight.value[order], dim=1)
    assert (error <= bound).all()


def elementwise(z: Tensor, c: Tensor, x: Tensor) -> Tensor:
    return c * torch.sin(z) + x


@given(solver=solvers, seed=seeds, every=st.sampled_from([1, 3]))
@settings(max_examples=60)
def test_compaction_changes_no_count_and_no_bit(solver: Picard, seed: int, every: int) -> None:
    """Where f rounds a row the same in every batch, as an elementwise map does."""
    generator = torch.Generator().manual_seed(seed)
    c = torch.empty(6, 1, dtype=DOUBLE).uniform_(0.1, 0.95, generator=generator)
    x = torch.randn(6, 1, generator=generator, dtype=DOUBLE)
    runs = [
        fixed_point(
            elementwise,
            torch.zeros_like(x),
            c,
            x,
            solver=solver,
            compact=compact,
            check_every=every,
            max_steps=300,
            on_failure=OnFailure.IGNORE,
        )
        for compact in (False, True)
    ]
    for name in ("num_steps", "nfe", "status", "value", "residual"):
        plain, compacted = (getattr(run, name) for run in runs)
        torch.testing.assert_close(compacted, plain, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("solver", SOLVERS)
def test_compaction_calls_f_with_the_unfinished_rows_only(solver: Picard) -> None:
    c = torch.tensor([[0.2], [0.9], [0.5]], dtype=DOUBLE)
    x = torch.ones(3, 1, dtype=DOUBLE)
    rows = []

    def f(z: Tensor, c: Tensor, x: Tensor) -> Tensor:
        rows.append(len(z))
        return elementwise(z, c, x)

    with torch.no_grad():
        solution = fixed_point(f, torch.zeros_like(x), c, x, solver=solver, compact=True)
    assert rows[0] == 3
    assert rows[-1] < 3
    if isinstance(solver, Picard | Anderson):
        assert sum(rows) == int(solution.nfe.sum())
