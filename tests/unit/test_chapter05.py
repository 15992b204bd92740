"""The claims of chapter 05 that are not about the library."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

seeds = st.integers(0, 2**32 - 1)


def _orthogonal(d: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(d, d)))[0]


def _with_norm(d: int, L: float, rng: np.random.Generator) -> np.ndarray:
    G = rng.normal(size=(d, d))
    return L * G / np.linalg.norm(G, 2)


def _cosine(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.sum(p * q) / np.linalg.norm(p) / np.linalg.norm(q))


def _limit(kappa: float) -> float:
    return 2 * np.sqrt(kappa) / (1 + kappa)


@settings(max_examples=100, deadline=None)
@given(seed=seeds, d=st.integers(1, 8), kappa=st.floats(1, 1e4), share=st.floats(0, 0.999))
def test_jacobian_free_descends_below_the_limit(seed, d, kappa, share):
    rng = np.random.default_rng(seed)
    L = share * _limit(kappa)
    Q = _orthogonal(d, rng)
    A = (Q * np.geomspace(1, kappa, d)) @ Q.T  # M Mᵀ
    J, w = _with_norm(d, L, rng), rng.normal(size=d)
    bound = (1 - L / _limit(kappa)) * (w @ A @ w)
    assert w @ A @ (w - J.T @ w) >= bound - 1e-12 * kappa * (w @ w)


@settings(max_examples=50, deadline=None)
@given(seed=seeds, d=st.integers(2, 8), kappa=st.floats(1.5, 1e4), beyond=st.floats(0, 1))
def test_the_limit_of_descent_is_sharp(seed, d, kappa, beyond):
    rng = np.random.default_rng(seed)
    L = _limit(kappa) + beyond * (0.999 - _limit(kappa))
    Q = _orthogonal(d, rng)
    A = (Q * np.geomspace(1, kappa, d)) @ Q.T
    w = np.sqrt(kappa) * Q[:, 0] + Q[:, -1]
    Jt = L * np.outer(A @ w, w) / np.linalg.norm(A @ w) / np.linalg.norm(w)
    np.testing.assert_allclose(np.linalg.norm(Jt, 2), L, rtol=1e-10)
    assert w @ A @ (w - Jt @ w) <= 1e-11 * (w @ A @ w)


@given(kappa=st.floats(1, 1e8))
def test_condition_of_fung_et_al_is_the_stricter_one(kappa):
    assert 1 / kappa <= _limit(kappa) * (1 + 1e-12)


@settings(max_examples=100, deadline=None)
@given(seed=seeds, d=st.integers(1, 8), L=st.floats(0, 0.999), spread=st.floats(0, 8))
def test_one_sample_always_descends(seed, d, L, spread):
    rng = np.random.default_rng(seed)
    D = np.exp(-spread * rng.random(d))  # slopes in (0, 1], however different
    W, w = _with_norm(d, L, rng), rng.normal(size=d)
    v = w - W.T @ (D * w)
    assert _cosine(D * w, D * v) >= np.sqrt(1 - L**2) - 1e-9


@settings(max_examples=100, deadline=None)
@given(seed=seeds, d=st.integers(2, 8), L=st.floats(0, 0.999))
def test_cosine_of_the_jacobian_free_adjoint(seed, d, L):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=d)
    assert _cosine(w - _with_norm(d, L, rng).T @ w, w) >= np.sqrt(1 - L**2) - 1e-12


@pytest.mark.parametrize("L", [0.1, 0.5, 0.9, 0.99])
def test_cosine_of_the_jacobian_free_adjoint_is_attained_by_a_turn(L):
    s = np.sqrt(1 - L**2)
    w = np.array([0.6, -1.7])
    v = w - L * np.array([[L, -s], [s, L]]) @ w
    assert _cosine(v, w) == pytest.approx(s, rel=1e-12)


@pytest.mark.parametrize("L", [0.1, 0.5, 0.9, 0.99])
def test_cosine_of_the_jacobian_free_adjoint_is_attained_by_a_mirror(L):
    half = np.arccos(L) / 2
    w = np.array([np.cos(half), np.sin(half)])
    v = w - L * np.diag([1.0, -1.0]) @ w
    assert _cosine(v, w) == pytest.approx(np.sqrt(1 - L**2), rel=1e-12)


def _truncated(J: np.ndarray, v: np.ndarray, k: int) -> np.ndarray:
    return sum(np.linalg.matrix_power(J.T, j) @ v for j in range(k))


@settings(max_examples=50, deadline=None)
@given(seed=seeds, d=st.integers(1, 8), rho=st.floats(0.01, 0.99), k=st.integers(1, 8))
def test_spectral_radius_bounds_the_truncation_for_normal_jacobians(seed, d, rho, k):
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(d, d))
    S = S + S.T
    J = rho * S / np.max(np.abs(np.linalg.eigvalsh(S)))
    v = rng.normal(size=d)
    gap = np.linalg.norm(_truncated(J, v, k) - np.linalg.solve(np.eye(d) - J.T, v))
    assert gap <= np.linalg.norm(v) * (rho**k + 1e-12) / (1 - rho)


def test_spectral_radius_bounds_no_truncation_of_a_nonnormal_jacobian():
    J, v = np.array([[0.3, 0.0], [3.0, 0.3]]), np.array([0.0, 1.0])
    w = np.linalg.solve(np.eye(2) - J.T, v)
    gap = np.linalg.norm(_truncated(J, v, 4) - w)
    assert gap > 10 * 0.3**4 / 0.7 * np.linalg.norm(v)


def test_two_samples_that_share_an_offset_can_ascend():
    slopes, v = np.array([0.9, 0.1]), np.array([10.0, -14.0])
    assert np.sum(v / (1 - slopes)) > 0 > np.sum(v)


def test_cheap_gradient_of_the_rooms_is_that_of_a_weighted_loss():
    kept, wanted, b, step = np.array([0.9, 0.1]), 20.0, 1.7, 1e-6

    def weighted(b: float) -> float:
        return 0.5 * float(np.sum((1 - kept) * (b / (1 - kept) - wanted) ** 2))

    slope = (weighted(b + step) - weighted(b - step)) / (2 * step)
    assert slope == pytest.approx(np.sum(b / (1 - kept) - wanted), rel=1e-8)


@settings(max_examples=50, deadline=None)
@given(seed=seeds, d=st.integers(2, 10), k=st.integers(1, 8), norm=st.floats(0.1, 1.5))
def test_krylov_is_at_most_one_product_behind(seed, d, k, norm):
    rng = np.random.default_rng(seed)
    Jt, v = _with_norm(d, norm, rng), rng.normal(size=d)
    powers = [v]
    for _ in range(k):
        powers.append(Jt @ powers[-1])
    basis = np.linalg.qr(np.stack(powers[:k], axis=1))[0]
    A = np.eye(d) - Jt
    best = basis @ np.linalg.lstsq(A @ basis, v, rcond=None)[0]
    assert np.linalg.norm(v - A @ best) <= np.linalg.norm(powers[k]) + 1e-10 * np.linalg.norm(v)


def test_krylov_can_be_one_product_behind():
    Jt, v = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([1.0, 1.0])
    A = np.eye(2) - Jt
    np.testing.assert_array_equal(A @ (v + Jt @ v), v)  # Neumann-2 has cost one product
    after_one = (v @ A @ v) / np.sum((A @ v) ** 2) * v
    assert np.linalg.norm(v - A @ after_one) > 0.5
