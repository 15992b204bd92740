"""What chapter 12 claims, checked apart from its cells; the oracles are iterations and sums."""

import itertools

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from deqlab import (
    IIR,
    LinearMap,
    TanhMap,
    averaging_weights,
    averaging_window,
    binomial_window,
    error_polynomial,
    ginibre_matrix,
    iterate_banach,
    nonnormal_matrix,
    orthogonal_matrix,
    power_norm,
    shift_matrix,
    symmetric_matrix,
    truncation_errors,
)

EPS = float(np.finfo(np.float64).eps)
KINDS = {
    "ginibre": lambda d, c, g: ginibre_matrix(d, norm=c, generator=g),
    "symmetric": lambda d, c, g: symmetric_matrix(d, norm=c, generator=g),
    "orthogonal": lambda d, c, g: orthogonal_matrix(d, norm=c, generator=g),
    "nonnormal": lambda d, c, g: nonnormal_matrix(d, spectral_radius=c / 3, norm=c, generator=g),
    "shift": lambda d, c, g: shift_matrix(d, norm=c),
}
kinds = st.sampled_from(sorted(KINDS))
seeds = st.integers(0, 2**32 - 1)
dims = st.integers(2, 6)
steps = st.integers(1, 20)


def absolute_sum(A, B, u, z0):
    """The same recursion without cancellation: rounding errors are a multiple of eps times it."""
    z = np.abs(z0)
    for x in u:
        z = np.abs(A) @ z + np.abs(B) @ np.abs(x)
    return z


# ------------------------------------------------------------------ truncation


@given(kinds, dims, st.floats(0.1, 2.0), steps, seeds)
def test_the_k_step_unroll_of_a_linear_equilibrium_is_its_k_tap_truncation(kind, d, norm, K, seed):
    """Theorem 12.1 (1): for any matrix, stable or not, and any inputs, varying ones included."""
    g = np.random.default_rng(seed)
    A, B = KINDS[kind](d, norm, g), g.normal(size=(d, 3))
    u = g.normal(size=(K, 3))
    z = np.zeros(d)
    for x in u:
        z = A @ z + B @ x
    h = IIR(A, B).truncate(K).h
    answer = np.einsum("kij,kj->i", h, u[::-1])
    bound = 4 * K * (d + 3) * EPS * absolute_sum(A, B, u, np.zeros(d))
    assert np.all(np.abs(z - answer) <= bound)
    constant = np.zeros(d)
    for _ in range(K):
        constant = LinearMap(A, B @ u[0])(constant)
    gain = IIR(A, B).truncate(K).dc_gain() @ u[0]
    bound = 4 * K * (d + 3) * EPS * absolute_sum(A, B, [u[0]] * K, np.zeros(d))
    assert np.all(np.abs(constant - gain) <= bound)


def test_the_error_of_an_unroll_is_a_to_the_k_in_exact_arithmetic():
    """Theorem 12.1 (2), by SymPy, for a matrix that repels."""
    A = sympy.Matrix([[2, sympy.Rational(1, 3)], [0, sympy.Rational(-3, 2)]])
    b, z = sympy.Matrix([1, 2]), sympy.Matrix([5, -7])
    z_star = (sympy.eye(2) - A).solve(b)
    e_0 = z - z_star
    for k in range(1, 7):
        z = A * z + b
        assert z - z_star == A**k * e_0


@given(kinds, dims, st.floats(0.1, 0.95), steps, st.floats(0, np.pi), seeds)
def test_the_tail_is_the_filter_itself(kind, d, norm, K, w, seed):
    g = np.random.default_rng(seed)
    A, B = KINDS[kind](d, norm, g), g.normal(size=(d, 2))
    H = np.linalg.solve(np.eye(d) - np.exp(-1j * w) * A, B)
    claimed = H - np.exp(-1j * K * w) * np.linalg.matrix_power(A, K) @ H
    found = IIR(A, B).truncate(K).frequency_response(w)
    scale = np.linalg.norm(B) / (1 - norm)
    assert np.linalg.norm(found - claimed) <= 100 * d * K * EPS * scale / (1 - norm)


def test_six_layers_of_the_hump_are_thirteen_times_farther_away():
    hump = np.array([[0.9, 5.0], [0.0, 0.8]])
    assert 13 < power_norm(hump, 6) < 14
    _, sizes, vt = np.linalg.svd(np.linalg.matrix_power(hump, 6))
    z_star = np.linalg.solve(np.eye(2) - hump, np.array([1.0, 1.0]))
    z = z_star + vt[0]
    for _ in range(6):
        z = hump @ z + np.array([1.0, 1.0])
    assert np.linalg.norm(z - z_star) == pytest.approx(sizes[0], rel=1e-10)


# ------------------------------------------------------------------ windows


@given(kinds, dims, st.floats(0.1, 1.5), steps, seeds)
def test_averaging_is_windowing(kind, d, norm, K, seed):
    """Theorem 12.2, with weights of any sign and any start."""
    g = np.random.default_rng(seed)
    A, b, z0 = KINDS[kind](d, norm, g), g.normal(size=d), g.normal(size=d)
    P = g.normal(size=K + 1)
    P[-1] += 1 - P.sum()
    iterates = [z0]
    for _ in range(K):
        iterates.append(A @ iterates[-1] + b)
    powers = [np.linalg.matrix_power(A, j) for j in range(K + 1)]
    w = averaging_window(P)
    windowed = sum(w[k] * powers[k] @ b for k in range(K)) + sum(
        P[j] * powers[j] @ z0 for j in range(K + 1)
    )
    sizes = [absolute_sum(A, np.eye(d), [b] * j, z0) for j in range(K + 1)]
    bound = 20 * (K + 1) * d * EPS * np.abs(P).sum() * np.max(sizes)
    assert np.abs(P @ np.array(iterates) - windowed).max() <= bound
    np.testing.assert_allclose(averaging_weights(w), P, atol=4 * K * EPS * np.abs(P).sum())


def test_the_polynomial_of_a_window_by_sympy():
    lam = sympy.Symbol("lambda")
    for K in range(1, 7):
        P = sympy.symbols(f"P1:{K + 1}")
        weights = [1 - sum(P), *P]
        window = [sum(weights[k + 1 :]) for k in range(K)]
        p = sum(P_j * lam**j for j, P_j in enumerate(weights))
        q = 1 - (1 - lam) * sum(w * lam**k for k, w in enumerate(window))
        assert sympy.expand(p - q) == 0


@given(st.integers(1, 40), st.floats(0.05, 1.0), st.floats(-1, 1))
def test_relaxed_picard_is_the_binomial_window(K, tau, eigenvalue):
    factor = error_polynomial(binomial_window(K, tau), eigenvalue)
    assert abs(factor - (1 - tau + tau * eigenvalue) ** K) <= 20 * (K + 1) ** 2 * EPS


@given(st.integers(1, 30), seeds, st.floats(0, 0.999))
def test_no_taper_beats_the_last_iterate_for_eigenvalues_from_zero_to_one(K, seed, eigenvalue):
    """Proposition 12.3."""
    g = np.random.default_rng(seed)
    P = g.dirichlet(np.full(K + 1, 0.3))
    factor = sum(P * eigenvalue ** np.arange(K + 1))
    assert factor >= eigenvalue**K * (1 - 4 * (K + 2) * EPS)
    w = averaging_window(P)
    assert np.all(np.diff(w) <= 4 * K * EPS)


def test_tapers_win_by_orders_of_magnitude_on_an_oscillation():
    rectangle, binomial = np.ones(32), binomial_window(32, 0.5)
    assert error_polynomial(rectangle, -0.98) > 0.5
    assert abs(error_polynomial(binomial, -0.98)) < 1e-12
    assert error_polynomial(rectangle, 0.9) < error_polynomial(binomial, 0.9) / 5


def test_a_constant_step_less_removes_the_slow_eigenvalue():
    """Exercise `ex-richardson`."""
    slow, K = 0.98, 10
    P = np.zeros(K + 1)
    P[K - 1 :] = -slow / (1 - slow), 1 / (1 - slow)
    assert P.sum() == pytest.approx(1)
    assert abs(np.polynomial.Polynomial(P)(slow)) < 1e-12


# ------------------------------------------------------------------ nonlinear layers


@given(dims, st.floats(0.1, 0.95), st.floats(0.01, 2.0), steps, seeds)
def test_error_along_a_trajectory_is_linear_up_to_the_stated_bound(d, L, size, K, seed):
    """Theorem 12.4 for tanh, β = 4 L² / (3√3)."""
    g = np.random.default_rng(seed)
    layer = TanhMap(ginibre_matrix(d, norm=L, generator=g), g.normal(size=d))
    z_star = iterate_banach(layer, np.zeros(d), error_tol=1e-12).value
    e_0 = size * g.normal(size=d)
    run = truncation_errors(layer, z_star + e_0, K, z_star=z_star, jacobian=layer.jacobian(z_star))
    off = np.linalg.norm(run.errors[K] - run.predicted[K])
    beta = 4 / (3 * np.sqrt(3)) * L**2
    n = np.linalg.norm(e_0)
    bound = beta / 2 * n**2 * L ** (K - 1) * (1 - L**K) / (1 - L)
    # z* is known to 1e-12, J(z*) to beta times that
    assert off <= bound + 4e-12 * (1 + K * n)


# ------------------------------------------------------------------ what cannot be seen


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 1), (4, 1), (3, 2), (4, 2), (4, 3), (3, 3)])
def test_places_that_have_seen_k_bits_answer_no_better_than_the_cone_allows(n, k):
    """Proposition 12.5 by trying every function of what each place has seen."""
    strings = np.array(list(itertools.product((0, 1), repeat=n)))
    parity = strings.cumsum(1) % 2
    right = [np.ones((1, len(strings)), dtype=bool)]  # (strategies so far, strings)
    for t in range(n):
        seen = strings[:, max(0, t - k + 1) : t + 1]
        code = seen @ (2 ** np.arange(seen.shape[1]))
        tables = np.array(list(itertools.product((0, 1), repeat=2 ** seen.shape[1])))
        hits = tables[:, code] == parity[:, t]  # (functions, strings)
        if t >= k:
            assert np.all(hits.mean(1) == 0.5)
        joint = right[-1][:, None] & hits[None]
        right.append(np.unique(joint.reshape(-1, len(strings)), axis=0))
    assert right[-1].mean(1).max() <= 0.5 ** (n // (k + 1))


def test_parallel_prefix_needs_a_logarithm_of_layers():
    """Exercise `ex-prefix`."""
    g = np.random.default_rng(0)
    for n in (1, 2, 5, 8, 13, 64):
        bits = g.integers(0, 2, size=(20, n))
        z, reach, layers = bits, 1, 0
        while reach < n:
            left = np.zeros_like(z)
            left[:, reach:] = z[:, :-reach]
            z, reach, layers = (z + left) % 2, 2 * reach, layers + 1
        np.testing.assert_array_equal(z, bits.cumsum(1) % 2)
        assert layers == int(np.ceil(np.log2(n)))
