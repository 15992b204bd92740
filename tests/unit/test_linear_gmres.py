"""GMRES: least residual, finite termination, honest failure."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deqlab import (
    GMRES,
    LinearSolution,
    Status,
    ginibre_matrix,
    orthogonal_matrix,
    peak_bytes,
    symmetric_matrix,
)


def instance(kind: str, d: int, norm: float, seed: int) -> tuple[Tensor, Tensor]:
    make = {
        "ginibre": ginibre_matrix,
        "symmetric": symmetric_matrix,
        "orthogonal": orthogonal_matrix,
    }[kind]
    generator = np.random.default_rng(seed)
    M = torch.from_numpy(make(d, norm=norm, generator=generator))
    return M, torch.from_numpy(generator.standard_normal((3, d)))


@settings(max_examples=25)
@given(
    kind=st.sampled_from(["ginibre", "symmetric", "orthogonal"]),
    d=st.integers(2, 12),
    steps=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_gmres_residual_is_the_least_over_its_krylov_space(
    kind: str, d: int, steps: int, seed: int
) -> None:
    """The oracle is a dense least-squares solve over an orthonormal basis of the space."""
    M, b = instance(kind, d, 0.9, seed)
    answer = GMRES(restart=100).solve(lambda v: v @ M.T, b, rtol=1e-15, max_products=steps + 1)
    A = np.eye(d) - M.numpy()
    for row, v in enumerate(b.numpy()):
        space = np.empty((d, 0))
        w = v
        for _ in range(min(steps, d)):
            w = w - space @ (space.T @ w)
            w = w - space @ (space.T @ w)
            if np.linalg.norm(w) < 1e-10 * np.linalg.norm(v):
                break
            space = np.column_stack([space, w / np.linalg.norm(w)])
            w = A @ space[:, -1]
        least = np.linalg.norm(v - A @ space @ np.linalg.lstsq(A @ space, v)[0])
        # rounding: the products and the norm of x, amplified by at most ‖A⁻¹‖ ≤ 1/(1 − .9)
        slack = 100 * d * np.finfo(float).eps * np.linalg.norm(v) / 0.1
        assert answer.residual[row] <= least + slack


@settings(max_examples=25)
@given(kind=st.sampled_from(["ginibre", "symmetric", "orthogonal"]), seed=st.integers(0, 99))
def test_gmres_after_k_products_is_never_worse_than_k_terms_of_neumann(
    kind: str, seed: int
) -> None:
    """min over polynomials p, p(1) = 1, of ‖p(M) b‖ is at most ‖M^k b‖."""
    M, b = instance(kind, 20, 0.95, seed)
    power = b
    for k in range(1, 12):
        power = power @ M.T
        answer = GMRES().solve(lambda v: v @ M.T, b, rtol=1e-15, max_products=k + 1)
        bound = torch.linalg.vector_norm(power, dim=1)
        assert (answer.residual <= bound * (1 + 1e-9)).all()


@settings(max_examples=25)
@given(d=st.integers(1, 10), seed=st.integers(0, 99))
def test_gmres_terminates_within_d_steps(d: int, seed: int) -> None:
    M, b = instance("ginibre", d, 0.9, seed)
    answer = GMRES().solve(lambda v: v @ M.T, b, rtol=1e-12)
    assert answer.converged().all()
    assert (answer.products <= d + 1).all()  # one of them measures


def test_gmres_stops_early_where_the_krylov_space_is_invariant() -> None:
    """b in the span of two eigenvectors: two steps, in one row; the other row goes on."""
    M = torch.diag(torch.linspace(-0.9, 0.9, 9, dtype=torch.float64))
    b = torch.ones(2, 9, dtype=torch.float64)
    b[0, 2:] = 0
    answer = GMRES().solve(lambda v: v @ M.T, b, rtol=1e-14)
    assert answer.converged().all()
    assert answer.products[0] == 3
    assert answer.products[1] == 10


def test_a_reflection_takes_two_steps() -> None:
    """Two eigenvalues, ±c: the minimal polynomial has degree 2, whatever the dimension."""
    M, b = instance("orthogonal", 64, 1.0, 0)
    reflection = 0.99 * (torch.eye(64, dtype=M.dtype) - 2 * torch.outer(M[0], M[0]))
    answer = GMRES().solve(lambda v: v @ reflection.T, b, rtol=1e-12)
    assert (answer.products == 3).all()


def test_without_a_restart_d_steps_are_enough_where_the_spectrum_fills_the_circle() -> None:
    """Orthogonal, c = .99: Krylov methods gain nothing before step D, and restarts forgo that."""
    M, b = instance("orthogonal", 96, 0.99, 0)
    full = GMRES().solve(lambda v: v @ M.T, b, rtol=1e-10)
    assert full.converged().all()
    assert full.products.max() <= 96 + 1
    restarted = GMRES(restart=20, max_restarts=200).solve(lambda v: v @ M.T, b, rtol=1e-10)
    assert restarted.converged().all()
    assert restarted.products.min() > 5 * 96


def test_gmres_reports_stagnation_of_a_short_restart() -> None:
    """I − M a quarter turn: the one-dimensional Krylov space is orthogonal to what it must fit."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    M = torch.eye(2, dtype=torch.float64) - turn
    b = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    short = GMRES(restart=1).solve(lambda v: v @ M.T, b, rtol=1e-8)
    assert short.status[0] == Status.STAGNATED
    assert short.relative_residual[0] == 1
    full = GMRES().solve(lambda v: v @ M.T, b, rtol=1e-8)
    assert full.converged().all()


def test_gmres_reports_a_tolerance_below_rounding() -> None:
    M, b = instance("symmetric", 32, 0.99, 0)
    answer = GMRES().solve(lambda v: v @ M.float().T, b.float(), rtol=1e-12)
    assert (answer.status == Status.STAGNATED).all()
    # the best reachable: the rounding of one product at ‖x‖ ≤ 100 ‖b‖
    assert (answer.relative_residual < 32 * torch.finfo(torch.float32).eps * 100).all()


def test_restarts_respect_the_limit_of_products_and_still_converge() -> None:
    M, b = instance("symmetric", 64, 0.9, 3)
    full = GMRES().solve(lambda v: v @ M.T, b, rtol=1e-10)
    short = GMRES(restart=10, max_restarts=50).solve(lambda v: v @ M.T, b, rtol=1e-10)
    assert full.converged().all()
    assert short.converged().all()
    assert (short.products >= full.products).all()
    none = GMRES(restart=10, max_restarts=0).solve(lambda v: v @ M.T, b, rtol=1e-10)
    assert (none.status == Status.MAX_STEPS).all()
    assert (none.products == 11).all()


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_an_ill_conditioned_symmetric_system_needs_a_fraction_of_the_products_of_neumann(
    dtype: torch.dtype, rtol: float
) -> None:
    """κ ≈ 200: about √κ ln(2/rtol)/2 products by Chebyshev's bound, against ln(1/rtol)/(1 − c)."""
    M, b = instance("symmetric", 256, 0.99, 0)
    answer = GMRES().solve(lambda v: v @ M.to(dtype).T, b.to(dtype), rtol=rtol)
    assert answer.converged().all()
    chebyshev = np.log(2 / rtol) / np.log((200**0.5 + 1) / (200**0.5 - 1))
    assert answer.products.max() <= np.ceil(chebyshev) + 1
    assert answer.products.max() < -np.log(rtol) / 0.01 / 10


def test_memory_follows_the_products_taken_not_the_restart_allowed() -> None:
    """Half a megabyte a row at the default, if the Hessenberg matrix were reserved at once."""
    b = torch.randn(50, 300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def solve(restart: int) -> LinearSolution:
        return GMRES(restart=restart).solve(lambda v: 0.1 * v.roll(1, dims=1), b, rtol=1e-8)

    assert int(solve(256).products.max()) < 14
    assert peak_bytes(lambda: solve(256)) == peak_bytes(lambda: solve(16))
