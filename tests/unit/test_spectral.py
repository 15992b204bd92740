"""Spectral radius, operator norm, Frobenius norm and Jacobian products, against dense matrices."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deqlab import (
    jacobian_frobenius,
    jvp_at,
    operator_norm,
    orthogonal_matrix,
    spectral_radius,
    vjp_at,
)

DOUBLE = torch.float64


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal_matrix(kind: str, size: int, seed: int) -> Tensor:
    """A normal matrix of spectral radius 0.99."""
    G = torch.randn(size, size, generator=generator(seed), dtype=DOUBLE)
    Q = torch.linalg.qr(G).Q
    if kind == "orthogonal":
        return 0.99 * Q
    if kind == "symmetric":
        M = G + G.T
    elif kind == "skew":
        M = G - G.T
    else:  # rotations by random angles, scaled at random, in a random basis
        M = torch.zeros_like(G)
        for k in range(0, size - 1, 2):
            a, b = G[0, k], G[0, k + 1]
            M[k : k + 2, k : k + 2] = torch.stack([a, -b, b, a]).reshape(2, 2)
        M = Q @ M @ Q.T
    return 0.99 * M / torch.linalg.matrix_norm(M, 2)


@pytest.mark.parametrize("kind", ["symmetric", "skew", "rotations"])
@pytest.mark.parametrize(("size", "products"), [(64, 50), (256, 50)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_spectral_radius_of_a_normal_jacobian_to_one_percent(
    kind: str, size: int, products: int, seed: int
) -> None:
    W = normal_matrix(kind, size, seed)
    z = torch.zeros(2, size, dtype=DOUBLE)
    estimate = spectral_radius(
        lambda z: z @ W.T, z, max_products=products, generator=generator(seed)
    )
    assert ((estimate.value - 0.99).abs() <= 0.01 * 0.99).all()
    assert (estimate.growth_rate <= 0.99 * (1 + 1e-9)).all()  # ‖J^k v‖ ≤ ρ^k for normal J
    assert estimate.products == products


@pytest.mark.parametrize(("size", "products"), [(64, 50), (256, 100), (1024, 200)])
def test_spectral_radius_of_an_orthogonal_jacobian_to_one_percent(size: int, products: int) -> None:
    """The hardest normal case: the eigenvalues fill a circle."""
    W = torch.from_numpy(orthogonal_matrix(size, norm=0.99, generator=np.random.default_rng(0)))
    z = torch.zeros(1, size, dtype=DOUBLE)
    estimate = spectral_radius(lambda z: z @ W.T, z, max_products=products, generator=generator())
    assert abs(float(estimate.value) - 0.99) <= 0.01 * 0.99
    assert float(estimate.growth_rate) == pytest.approx(0.99, rel=1e-9)


@given(size=st.integers(1, 8), seed=st.integers(0, 2**16), batch=st.integers(0, 3))
@settings(max_examples=40)
def test_all_products_give_all_eigenvalues(size: int, seed: int, batch: int) -> None:
    """Also complex ones; the eigenvalues of a random matrix have condition below 1e4 here."""
    W = torch.randn(size, size, generator=generator(seed), dtype=DOUBLE)
    z = torch.zeros(batch, size, dtype=DOUBLE)
    estimate = spectral_radius(lambda z: z @ W.T, z, max_products=99, generator=generator(seed))
    exact = torch.linalg.eigvals(W).abs().max().expand(batch)
    assert estimate.ritz_values.shape == (batch, size)
    torch.testing.assert_close(estimate.value, exact, rtol=1e-8, atol=1e-10)


def test_the_residual_of_a_normal_jacobian_is_honest() -> None:
    W = normal_matrix("orthogonal", 256, 0)
    eigenvalues = torch.linalg.eigvals(W)
    for products in (5, 20, 60):
        estimate = spectral_radius(
            lambda z: z @ W.T,
            torch.zeros(1, 256, dtype=DOUBLE),
            max_products=products,
            generator=generator(),
        )
        theta = estimate.ritz_values[0, 0]
        distance = (eigenvalues - theta).abs().min()
        assert float(distance) <= float(estimate.residual) + 1e-12
        assert float(estimate.residual) > 0.01  # and says that the estimate is not final


def test_a_transient_shows_in_the_growth_rate() -> None:
    """A Jordan block at 0.5: ρ = 0.5, but ‖J^k v‖ grows at first."""
    W = 0.5 * torch.eye(60, dtype=DOUBLE) + torch.diag(torch.ones(59, dtype=DOUBLE), 1)
    estimate = spectral_radius(
        lambda z: z @ W.T, torch.zeros(1, 60, dtype=DOUBLE), max_products=10, generator=generator()
    )
    powers = [torch.linalg.matrix_power(W, 10) @ torch.ones(60, dtype=DOUBLE)]
    assert float(estimate.growth_rate) > 1 > 0.5
    assert float(estimate.residual) > 0.1
    assert torch.isfinite(powers[0]).all()


def test_spectral_radius_at_a_state_of_a_nonlinear_map() -> None:
    W = torch.randn(6, 6, generator=generator(), dtype=DOUBLE)
    z = torch.randn(3, 6, generator=generator(1), dtype=DOUBLE)
    estimate = spectral_radius(lambda z: torch.tanh(z @ W.T), z, generator=generator())
    for row in range(3):
        slope = 1 - torch.tanh(W @ z[row]) ** 2
        exact = torch.linalg.eigvals(slope[:, None] * W).abs().max()
        assert float(estimate.value[row]) == pytest.approx(float(exact), rel=1e-8)


@given(rows=st.integers(1, 9), seed=st.integers(0, 2**16))
@settings(max_examples=40)
def test_operator_norm_against_the_svd(rows: int, seed: int) -> None:
    W = torch.randn(rows, rows, generator=generator(seed), dtype=DOUBLE)
    estimate = operator_norm(
        lambda z: z @ W.T, torch.zeros(2, rows, dtype=DOUBLE), generator=generator(seed)
    )
    exact = torch.linalg.matrix_norm(W, 2)
    torch.testing.assert_close(estimate.value, exact.expand(2), rtol=1e-10, atol=1e-12)


def test_operator_norm_is_a_lower_bound_with_an_honest_residual() -> None:
    W = torch.randn(300, 300, generator=generator(), dtype=DOUBLE)
    sigma = torch.linalg.svdvals(W)
    values = []
    for products in (3, 10, 30):
        estimate = operator_norm(
            lambda z: z @ W.T,
            torch.zeros(1, 300, dtype=DOUBLE),
            max_products=products,
            generator=generator(),
        )
        values.append(float(estimate.value))
        assert float((sigma - estimate.value).abs().min()) <= float(estimate.residual) + 1e-12
    assert values == sorted(values)
    assert values[-1] <= float(sigma[0]) * (1 + 1e-12)


def test_frobenius_norm_within_its_standard_error() -> None:
    """Random signs: the variance of ‖Jᵀε‖² is 2 Σ_{i≠j} (JJᵀ)²_ij."""
    W = torch.randn(20, 20, generator=generator(), dtype=DOUBLE)
    estimate = jacobian_frobenius(
        lambda z: z @ W.T, torch.zeros(3, 20, dtype=DOUBLE), probes=400, generator=generator(1)
    )
    exact = float(torch.linalg.matrix_norm(W) ** 2)
    gram = W @ W.T
    deviation = math.sqrt(2 * float(gram.square().sum() - gram.diag().square().sum()) / 400)
    # five standard deviations: one in 10^6; the sample deviation of 400 probes is within 20 %
    assert ((estimate.squared - exact).abs() <= 5 * deviation).all()
    assert ((estimate.standard_error / deviation - 1).abs() <= 0.25).all()


def test_frobenius_norm_of_a_diagonal_jacobian_is_exact_and_differentiable() -> None:
    c = torch.tensor([1.0, 2.0, 3.0], dtype=DOUBLE, requires_grad=True)
    z = torch.zeros(2, 3, dtype=DOUBLE)
    estimate = jacobian_frobenius(lambda z: c * torch.sin(z), z)  # c is closed over
    assert estimate.squared.tolist() == [14.0, 14.0]
    assert estimate.standard_error.isnan().all()
    (gradient,) = torch.autograd.grad(estimate.squared.sum(), c)
    assert gradient.tolist() == [4.0, 8.0, 12.0]
    with torch.no_grad():
        assert not jacobian_frobenius(lambda z: c * torch.sin(z), z).squared.requires_grad


@given(seed=st.integers(0, 2**16), size=st.integers(1, 6))
@settings(max_examples=30)
def test_products_are_transposes_of_each_other(seed: int, size: int) -> None:
    """⟨u, J v⟩ = ⟨Jᵀu, v⟩, row by row."""
    g = generator(seed)
    W, z, u, v = (
        torch.randn(shape, generator=g, dtype=DOUBLE)
        for shape in ((size, size), (3, size), (3, size), (3, size))
    )

    def f(z: Tensor, W: Tensor) -> Tensor:
        return torch.tanh(z @ W.T)

    forward = (u * jvp_at(f, z, v, params=(W,))).sum(1)
    reverse = (vjp_at(f, z, u, params=(W,)) * v).sum(1)
    torch.testing.assert_close(forward, reverse, rtol=1e-12, atol=1e-12)


def test_products_against_the_dense_jacobian() -> None:
    W = torch.randn(5, 5, generator=generator(), dtype=DOUBLE)
    z, v = torch.randn(2, 1, 5, generator=generator(1), dtype=DOUBLE)
    J = torch.autograd.functional.jacobian(lambda z: torch.tanh(W @ z), z[0])
    f = lambda z: torch.tanh(z @ W.T)  # noqa: E731
    torch.testing.assert_close(jvp_at(f, z, v)[0], J @ v[0], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(vjp_at(f, z, v)[0], J.T @ v[0], rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match=r"v must have the shape of z"):
        jvp_at(f, z, v[:, :3])


def test_a_constant_map_has_no_jacobian() -> None:
    z = torch.randn(2, 3, dtype=DOUBLE)
    constant = torch.ones_like
    assert spectral_radius(constant, z).value.tolist() == [0.0, 0.0]
    assert operator_norm(constant, z).value.tolist() == [0.0, 0.0]
    assert jacobian_frobenius(constant, z).squared.tolist() == [0.0, 0.0]
    assert jvp_at(constant, z, z).tolist() == torch.zeros(2, 3).tolist()
    assert vjp_at(constant, z, z).tolist() == torch.zeros(2, 3).tolist()


def test_one_unbatched_problem() -> None:
    W = torch.diag(torch.tensor([0.5, -0.9], dtype=DOUBLE))
    z = torch.zeros(2, dtype=DOUBLE)
    f = lambda z: W @ z  # noqa: E731
    assert float(spectral_radius(f, z, batch_dims=0).value) == pytest.approx(0.9)
    assert float(operator_norm(f, z, batch_dims=0).value) == pytest.approx(0.9)
    assert float(jacobian_frobenius(f, z, batch_dims=0).squared) == pytest.approx(1.06)


@pytest.mark.parametrize("function", [spectral_radius, operator_norm])
def test_counts_are_checked(function: object) -> None:
    with pytest.raises(ValueError, match="max_products must be an integer of at least 1; got 0"):
        function(torch.cos, torch.zeros(1, 1), max_products=0)
    with pytest.raises(ValueError, match="probes must be"):
        jacobian_frobenius(torch.cos, torch.zeros(1, 1), probes=-1)
