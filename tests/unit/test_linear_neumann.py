"""The Neumann series: its truncation error is exact, its divergence is reported."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deqlab import DenseLU, FixedPointLinear, NeumannSeries, Status
from deqlab.solvers.picard import Picard


@settings(max_examples=25)
@given(terms=st.integers(1, 20), seed=st.integers(0, 99))
def test_error_of_k_terms_is_exactly_the_kth_power(terms: int, seed: int) -> None:
    """w_k − w = −M^k w, for any M with I − M nonsingular, contraction or not."""
    g = torch.Generator().manual_seed(seed)
    M = torch.randn(8, 8, generator=g, dtype=torch.float64) / 8**0.5
    b = torch.randn(2, 8, generator=g, dtype=torch.float64)
    w = DenseLU().solve(lambda v: v @ M.T, b, rtol=1e-10).value
    partial, power = torch.zeros_like(b), b
    for _ in range(terms):
        partial, power = partial + power, power @ M.T
    predicted = w - w @ torch.linalg.matrix_power(M, terms).T
    rounding = 1e-12 * (1 + terms) * max(1.0, float(torch.linalg.matrix_norm(M, 2))) ** terms
    assert (partial - predicted).norm() <= rounding * w.norm()
    answer = NeumannSeries(max_terms=terms).solve(lambda v: v @ M.T, b, rtol=1e-300)
    best = answer.residual
    for k in range(terms + 1):  # the best of the partial sums is returned
        residual = torch.linalg.vector_norm(b @ torch.linalg.matrix_power(M, k).T, dim=1)
        assert (best <= residual * (1 + 1e-9) + rounding * w.norm()).all()


def test_divergence_is_reported_and_the_best_kept() -> None:
    answer = NeumannSeries().solve(lambda v: -1.5 * v, torch.ones(1, 2), rtol=1e-6)
    assert answer.status[0] == Status.DIVERGED
    assert (answer.value == 0).all()
    assert answer.relative_residual[0] == 1


def test_a_transient_does_not_stop_the_series() -> None:
    """‖M^k‖ grows before it decays; ρ(M) = .5 < 1 decides."""
    M = 0.5 * torch.eye(6, dtype=torch.float64) + 2 * torch.diag(torch.ones(5), 1).double()
    b = torch.ones(1, 6, dtype=torch.float64)
    answer = NeumannSeries().solve(lambda v: v @ M.T, b, rtol=1e-8)
    assert answer.converged().all()


def test_neumann_is_plain_iteration_on_the_linear_map() -> None:
    g = torch.Generator().manual_seed(0)
    M = torch.randn(8, 8, generator=g, dtype=torch.float64)
    M *= 0.9 / torch.linalg.matrix_norm(M, 2)
    b = torch.randn(3, 8, generator=g, dtype=torch.float64)
    series = NeumannSeries().solve(lambda v: v @ M.T, b, rtol=1e-10)
    plain = FixedPointLinear(solver=Picard()).solve(lambda v: v @ M.T, b, rtol=1e-10)
    assert torch.equal(plain.products, series.products + 1)  # it also evaluates at zero
    torch.testing.assert_close(plain.value, series.value, rtol=0, atol=1e-12)
