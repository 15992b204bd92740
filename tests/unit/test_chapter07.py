"""The claims of chapter 07: peaks, spacings, nested checkpoints, operations, leaks."""

import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.memory import METHODS, Block, checkpointed, solved, truncated, unrolled
from deqlab import (
    GMRES,
    Anderson,
    Implicit,
    JacobianFree,
    NeumannSeries,
    OnFailure,
    PhantomGradient,
    Picard,
    RelativeResidual,
    fixed_point,
    peak_bytes,
    saved_bytes,
)

sizes = st.tuples(st.integers(1, 40), st.integers(1, 20), st.integers(1, 5))


def block(n: int, d: int, widening: int) -> Block:
    return Block.draw(n=n, d=d, widening=widening, norm=0.9, seed=0, dtype=torch.float64)


def unit(b: Block) -> tuple[int, int]:
    """s and a."""
    s = b.v.nbytes
    return s, s + b.c.nbytes


def peak(b: Block, z: Tensor) -> int:
    return peak_bytes(lambda: b.gradient(z()))


@settings(max_examples=15, deadline=None)
@given(size=sizes, K=st.integers(2, 20), more=st.integers(1, 20))
def test_unrolled_peak_grows_by_a_recorded_step_for_each_step(size, K, more):
    b = block(*size)
    _, a = unit(b)
    grown = peak(b, lambda: unrolled(b, K + more)) - peak(b, lambda: unrolled(b, K))
    assert grown == more * a
    assert peak(b, lambda: unrolled(b, K)) >= K * a


@settings(max_examples=15, deadline=None)
@given(size=sizes, length=st.integers(1, 6), segments=st.integers(2, 6), more=st.integers(1, 6))
def test_checkpointed_peak_is_sheets_and_one_segment(size, length, segments, more):
    b = block(*size)
    s, a = unit(b)

    def at(count: int, ell: int) -> int:
        return peak(b, lambda: checkpointed(b, count * ell, length=ell))

    first = at(segments, length)
    assert first >= segments * s + length * a - s
    assert at(segments + more, length) - first == more * s
    longer = at(segments, length + 1) - first
    assert abs(longer - a) <= 2 * s + 2 * b.W.nbytes  # which sums are alive may change


@pytest.mark.parametrize("name", ["truncated, last 5", "phantom, 5 terms", "one step (JFB)"])
def test_cheap_gradients_have_flat_peaks(name):
    b = block(30, 8, 4)
    _, a = unit(b)
    at = [peak(b, lambda K=K: METHODS[name](b, K)) for K in (6, 20, 60)]
    assert at[0] == at[1] == at[2] >= (1 if "one" in name else 5) * a


@pytest.mark.parametrize("linear", [NeumannSeries(), GMRES(restart=5, max_restarts=99), GMRES()])
def test_implicit_peak_depends_on_the_solvers_and_not_on_the_depth(linear):
    b = block(30, 8, 4)
    _, a = unit(b)
    adjoint = Implicit(linear_solver=linear)
    at = [peak(b, lambda K=K: solved(b, K, adjoint=adjoint)) for K in (60, 120)]
    assert at[0] == at[1] >= a


def test_solvers_with_more_memory_take_more():
    b = block(128, 32, 4)

    def at(forward, linear):
        return peak(
            b,
            lambda: (
                fixed_point(
                    b,
                    b.start,
                    b.c,
                    params=(b.W, b.V),
                    solver=forward,
                    stop=RelativeResidual(rtol=1e-6),
                    adjoint=Implicit(linear_solver=linear, rtol=1e-6),
                ).value
            ),
        )

    short = GMRES(restart=5, max_restarts=99)
    least = at(Picard(), NeumannSeries())
    assert least < at(Picard(), short) < at(Picard(), GMRES())
    assert least < at(Anderson(memory=12), NeumannSeries()) <= at(Anderson(memory=12), GMRES())


def test_gmres_takes_fewer_states_where_the_state_is_wide():
    """Its least-squares problems do not grow with the state."""
    over = {}
    for n, d in ((128, 32), (16, 256)):
        b = block(n, d, 4)
        least, most = (
            peak(b, lambda G=G, b=b: solved(b, 40, adjoint=Implicit(linear_solver=G, rtol=1e-6)))
            for G in (NeumannSeries(), GMRES())
        )
        over[d] = (most - least) / unit(b)[0]
    assert over[256] < over[32] / 2


def test_a_long_memory_before_a_cheap_gradient_is_the_peak():
    b = block(128, 32, 4)

    def at(solver):
        how = {"solver": solver, "stop": RelativeResidual(rtol=1e-6), "max_steps": 1000}
        adjoint = JacobianFree()
        return peak(
            b,
            lambda: fixed_point(b, b.start, b.c, params=(b.W, b.V), adjoint=adjoint, **how).value,
        )

    assert at(Picard()) < at(Anderson(memory=12)) - 10 * unit(b)[0]


def test_the_default_solvers_take_the_fewest_evaluations_and_products():
    b = block(128, 32, 4)
    how = {"stop": RelativeResidual(rtol=1e-6), "max_steps": 1000}
    work = {}
    for forward in (Picard(), Anderson(memory=5), Anderson()):
        for linear in (NeumannSeries(), GMRES(restart=5, max_restarts=99), GMRES()):
            adjoint = Implicit(linear_solver=linear, rtol=1e-6)
            solution = fixed_point(
                b, b.start, b.c, params=(b.W, b.V), solver=forward, adjoint=adjoint, **how
            )
            b.gradient(solution.value)
            work[forward, linear] = int(solution.nfe.max() + solution.adjoint.products.max())
    assert min(work, key=work.get) == (Anderson(), GMRES())
    assert max(work, key=work.get) == (Picard(), NeumannSeries())


def test_inference_takes_the_same_memory_at_every_depth():
    b = block(20, 10, 4)
    with torch.no_grad():
        at = {peak_bytes(lambda K=K: unrolled(b, K)) for K in (5, 50)}
    assert len(at) == 1


def test_a_thin_cell_puts_aside_one_state_and_a_checkpoint_at_each_step_saves_nothing():
    W = (0.1 * torch.ones(10, 10, dtype=torch.float64)).requires_grad_()
    start = torch.ones(30, 10, dtype=torch.float64)

    def steps(K: int) -> Tensor:
        z = start
        for _ in range(K):
            z = torch.tanh(z @ W.T)
        return z

    assert saved_bytes(lambda: steps(7)) - saved_bytes(lambda: steps(6)) == start.nbytes


def test_a_transformer_layer_keeps_a_dozen_states_and_its_attention_weights():
    layer = torch.nn.TransformerEncoderLayer(64, 4, 256, dropout=0.0, batch_first=True)

    def kept(length: int) -> float:
        z = torch.ones(1, length, 64)
        return (saved_bytes(lambda: layer(layer(z))) - saved_bytes(lambda: layer(z))) / z.nbytes

    assert round(kept(512)) == 12
    with sdpa_kernel(SDPBackend.MATH):
        assert round(kept(512)) == 46
        assert kept(1024) > 1.5 * kept(512)


# ---------------------------------------------------------------- spacing


@given(K=st.integers(1, 2000), s=st.floats(0.1, 10), ratio=st.floats(1, 50))
def test_the_best_spacing_in_reals_and_in_whole_numbers(K, s, ratio):
    a = ratio * s
    best = math.sqrt(K * s / a)
    least = 2 * math.sqrt(K * s * a)
    assert K / best * s + best * a == pytest.approx(least)
    for other in (0.5, 0.9, 1.1, 3.0):
        assert K / (other * best) * s + other * best * a >= least
    ell = math.ceil(best)
    assert math.ceil(K / ell) * s + ell * a <= (least + s + a) * (1 + 1e-12)
    assert min(math.ceil(K / e) * s + e * a for e in range(1, K + 1)) >= least * (1 - 1e-12)


@cache
def replays(K: int, sheets: int) -> int:
    """How often some step must be evaluated unrecorded, over all places of the next sheet."""
    if K == 1:
        return 0
    if sheets == 1:
        return K - 1
    return min(max(1 + replays(m, sheets), replays(K - m, sheets - 1)) for m in range(1, K))


@pytest.mark.parametrize("sheets", [1, 2, 3, 4, 5])
def test_nested_checkpoints_reach_the_binomial_coefficient_and_not_further(sheets):
    for r in range(4):
        longest = math.comb(sheets + r, sheets)
        assert max(replays(longest, sheets), 0) == r
        assert replays(longest + 1, sheets) == r + 1


def test_a_checkpoint_in_the_middle_halves_the_replays():
    def replayed(K: int, j: int) -> int:
        return (K - j) * (K - j - 1) // 2 + j * (j - 1) // 2

    best = min(range(101), key=lambda j: replayed(100, j))
    assert best == 50
    assert replayed(100, 50) / replayed(100, 0) == pytest.approx(0.5, rel=0.02)


def test_where_the_lines_of_the_figure_cross():
    a, q = 5, 80
    assert q / a + 1 == 17
    assert (a + q) ** 2 / (4 * a) == pytest.approx(360, rel=0.01)


# ---------------------------------------------------------------- operations


def operations(b: Block, z) -> float:
    with FlopCounterMode(display=False) as counter:
        b.gradient(z())
    return counter.get_total_flops() / (4 * b.c.shape[0] * b.W.numel())


@pytest.mark.parametrize("K", [6, 20])
def test_operations_are_those_of_the_proposition(K):
    b = block(10, 6, 4)
    assert operations(b, lambda: unrolled(b, K)) == 3 * K - 0.5
    for length in (1, 3, K):
        count = operations(b, lambda ell=length: checkpointed(b, K, length=ell))
        assert 3 * K - 0.5 <= count <= 4 * K
    assert operations(b, lambda: truncated(b, K)) == K + 2 * 5 - 0.5
    F = K + 1  # a fixed number of steps ends with a measurement of the residual
    phantom = PhantomGradient(terms=5, relaxation=0.5)
    assert operations(b, lambda: solved(b, K, adjoint=phantom)) == F + 3 * 5 - 0.5
    assert operations(b, lambda: solved(b, K, adjoint=JacobianFree())) == F + 3 - 0.5


@pytest.mark.parametrize("K", [4, 50])
def test_operations_of_the_implicit_gradient(K):
    """F + B + 3, less the half that the state's own gradient would take in the end."""
    b, solutions = block(10, 6, 4), []

    def run() -> Tensor:
        how = {"solver": Picard(), "stop": None, "max_steps": K, "on_failure": OnFailure.IGNORE}
        adjoint = Implicit(linear_solver=NeumannSeries())
        solution = fixed_point(b, b.start, b.c, params=(b.W, b.V), adjoint=adjoint, **how)
        solutions.append(solution)
        return solution.value

    count = operations(b, run)
    F, B = K + 1, int(solutions[0].adjoint.products.max())
    assert count == F + B + 3 - 0.5


# ---------------------------------------------------------------- leaks


def burn_in(b: Block, K: int, leak: str) -> Tensor:
    z, log = b.start, []
    with torch.set_grad_enabled(leak != "no_grad"):
        for _ in range(K):
            fz = b.steps(z, 1)
            if leak == "log":
                log.append((fz - z).norm())
            z = fz if leak == "end" else fz.detach()
    return b.steps(z.detach(), 5)


def test_a_leak_shows_in_the_peak_and_not_in_the_gradient():
    b = block(30, 8, 4)
    grown, gradients = {}, {}
    for leak in ("no_grad", "each", "end", "log"):
        at = [peak(b, lambda K=K, leak=leak: burn_in(b, K, leak)) for K in (20, 40)]
        grown[leak] = at[1] - at[0]
        gradients[leak] = torch.cat([g.ravel() for g in b.gradient(burn_in(b, 20, leak))])
    _, a = unit(b)
    assert grown["no_grad"] == grown["each"] == 0
    assert grown["end"] == 20 * a
    assert grown["log"] >= 20 * a
    assert all(torch.equal(g, gradients["no_grad"]) for g in gradients.values())


def test_published_savings_are_87_and_37_per_cent():
    assert round(100 * (1 - 3.3 / 24.7)) == 87
    assert round(100 * (1 - 3.3 / 5.2)) == 37
