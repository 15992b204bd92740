"""What chapter 03 claims "for every ...", checked apart from its cells.

The cells of the chapter are compared with their stored outputs by nbval. Here stand its theorems,
with random instances, and the constants of its prose, in exact arithmetic where they are exact.
"""

from collections.abc import Callable

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from deqlab import ginibre_matrix, orthogonal_matrix, symmetric_matrix

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)

seeds = st.integers(0, 2**32 - 1)


def krylov_minimum(A: Array, r: Array, k: int) -> Array:
    """The move in the k-dimensional Krylov space with the shortest residual."""
    basis = r[:, None] / np.linalg.norm(r)
    for _ in range(k - 1):  # Arnoldi: the powers themselves soon point all the same way
        v = A @ basis[:, -1]
        for _ in range(2):
            v = v - basis @ (basis.T @ v)
        basis = np.column_stack([basis, v / np.linalg.norm(v)])
    move: Array = basis @ np.linalg.lstsq(basis - A @ basis, r, rcond=None)[0]
    return move


def anderson_states(f: Callable[[Array], Array], z: Array, steps: int, beta: float) -> list[Array]:
    """Anderson's method with nothing forgotten, as the chapter writes it."""
    states, residuals = [z], [f(z) - z]
    for _ in range(steps):
        z, r = states[-1], residuals[-1]
        z_new = z + beta * r
        if len(states) > 1:
            dZ, dR = np.diff(states, axis=0).T, np.diff(residuals, axis=0).T
            z_new = z_new - (dZ + beta * dR) @ np.linalg.lstsq(dR, r, rcond=None)[0]
        states.append(z_new)
        residuals.append(f(z_new) - z_new)
    return states


# ------------------------------------------------------------------------------- polynomials


@given(seeds, st.integers(1, 6))
def test_residuals_are_polynomials_with_value_one_at_one(seed: int, k: int) -> None:
    """p(t) = 1 − (1 − t) q(t) is the residual polynomial of z₀ + q(A) r₀."""
    rng = np.random.default_rng(seed)
    A, b, z = ginibre_matrix(7, norm=0.9, generator=rng), rng.normal(size=7), rng.normal(size=7)
    q = rng.normal(size=k)  # ascending coefficients
    p = -np.polynomial.polynomial.polymul([1.0, -1.0], q)
    p[0] += 1
    assert abs(p.sum() - 1) < 1e-13 * np.abs(p).sum()
    r = A @ z + b - z
    powers = [np.linalg.matrix_power(A, j) @ r for j in range(k + 1)]
    moved = z + sum(c * v for c, v in zip(q, powers, strict=False))
    expected = sum(c * v for c, v in zip(p, powers, strict=True))
    np.testing.assert_allclose(A @ moved + b - moved, expected, atol=1e-12 * np.abs(q).sum())


@given(seeds, st.integers(1, 12), st.floats(-0.99, 0.9), st.floats(0.05, 1.0))
def test_gmres_obeys_the_chebyshev_bound(seed: int, k: int, low: float, share: float) -> None:
    high = low + share * (0.99 - low)
    rng = np.random.default_rng(seed)
    Q = orthogonal_matrix(30, generator=rng)
    spectrum = rng.uniform(low, high, size=30)
    A, r = Q @ np.diag(spectrum) @ Q.T, rng.normal(size=30)
    kappa = (1 - low) / (1 - high)
    q = (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)
    move = krylov_minimum(A, r, k)
    left = np.linalg.norm(r - move + A @ move) / np.linalg.norm(r)
    assert left <= 2 * q**k + 1e-12


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_the_chebyshev_value_is_below_twice_q_to_the_k(k: int) -> None:
    q = sympy.Symbol("q", positive=True)
    kappa = ((1 + q) / (1 - q)) ** 2
    outside = sympy.simplify((kappa + 1) / (kappa - 1))
    assert sympy.simplify(outside - (q + 1 / q) / 2) == 0
    value = sympy.chebyshevt(k, (q + 1 / q) / 2)
    assert sympy.simplify(value - (q**k + q**-k) / 2) == 0


@given(seeds, st.integers(1, 10), st.floats(0.1, 0.99))
def test_zarantonello_no_polynomial_beats_c_to_the_k_on_the_circle(
    seed: int, k: int, c: float
) -> None:
    rng = np.random.default_rng(seed)
    p = rng.normal(size=k + 1) + 1j * rng.normal(size=k + 1)
    p = p / p.sum()
    circle = c * np.exp(2j * np.pi * np.arange(4096) / 4096)
    assert np.abs(np.polyval(p[::-1], circle)).max() >= c**k * (1 - 1e-9)


@pytest.mark.parametrize("c", [0.5, 0.95, 1.0])
@pytest.mark.parametrize("k", [1, 7, 20])
def test_gmres_on_the_cyclic_shift_by_hand(c: float, k: int) -> None:
    A = c * np.roll(np.eye(40), 1, axis=0)
    r = np.eye(40)[0]
    move = krylov_minimum(A, r, k)
    by_hand = np.sum(c ** (-2.0 * np.arange(k + 1))) ** -0.5
    assert abs(np.linalg.norm(r - move + A @ move) / by_hand - 1) < 1e-10


# ---------------------------------------------------------------------- relaxation and Newton


@given(seeds, st.floats(0.05, 0.95))
def test_krasnoselskii_mann_bound_and_monotone_residual(seed: int, tau: float) -> None:
    rng = np.random.default_rng(seed)
    Q, z = orthogonal_matrix(6, generator=rng), 3 * rng.normal(size=6)
    start, before = np.linalg.norm(z), np.inf
    for k in range(200):
        r = np.tanh(Q @ z) - z
        length = np.linalg.norm(r)
        assert length <= start / np.sqrt(tau * (1 - tau) * (k + 1))
        assert length <= before * (1 + 4 * EPS)
        z, before = z + tau * r, length


def test_krasnoselskii_mann_is_within_a_factor_of_e_of_the_truth() -> None:
    """A rotation by θ with sin²(θ/2) = 1/(k + 1), τ = ½: the share is (k/(k + 1))^k > 1/e."""
    for k in (1, 10, 1000):
        theta = 2 * np.arcsin((k + 1) ** -0.5)
        factor = abs((1 + np.exp(1j * theta)) / 2)
        share = (factor**k * abs(np.exp(1j * theta) - 1)) ** 2 / 4 * (k + 1)
        assert abs(share - (k / (k + 1)) ** k) < 1e-12
        assert share > np.exp(-1)


@given(seeds)
def test_newton_obeys_its_bound_from_anywhere_in_the_certified_ball(seed: int) -> None:
    rng = np.random.default_rng(seed)
    W = ginibre_matrix(5, norm=0.9, generator=rng)
    z_star = rng.uniform(-0.8, 0.8, size=5)
    b = np.arctanh(z_star) - W @ z_star
    gamma = 4 / (3 * np.sqrt(3)) * np.linalg.norm(W, 2) ** 2
    inverse = np.linalg.inv(np.eye(5) - (1 - z_star**2)[:, None] * W)
    M = np.linalg.norm(inverse, 2)
    direction = rng.normal(size=5)
    z = z_star + direction / np.linalg.norm(direction) / (2 * gamma * M)
    fz = np.tanh(W @ z + b)
    z_new = z + np.linalg.solve(np.eye(5) - (1 - fz**2)[:, None] * W, fz - z)
    error = np.linalg.norm(z - z_star)
    assert np.linalg.norm(z_new - z_star) <= gamma * M * error**2 + 100 * EPS * M


def test_four_over_three_root_three_is_the_largest_curvature_of_tanh() -> None:
    z = sympy.Symbol("z", real=True)
    curvature = sympy.diff(sympy.tanh(z), z, 2)
    peak = sympy.atanh(1 / sympy.sqrt(3))
    assert sympy.simplify(sympy.diff(curvature, z).subs(z, peak)) == 0
    value = abs(sympy.simplify(curvature.subs(z, peak)))
    assert sympy.simplify(value - 4 / (3 * sympy.sqrt(3))) == 0


def test_newton_for_the_arctangent_turns_at_1_3917() -> None:
    """There the step leads to −z: 2 z = (1 + z²) arctan z."""
    z = sympy.Symbol("z")
    turning = sympy.nsolve(2 * z - (1 + z**2) * sympy.atan(z), z, 1.4)
    assert abs(float(turning) - 1.3917) < 5e-5


# ----------------------------------------------------------------------- Broyden and Anderson


@given(seeds)
def test_broyden_changes_least_and_inverts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    B, s, y = np.eye(4) + rng.normal(size=(4, 4)) / 4, rng.normal(size=4), rng.normal(size=4)
    B_new = B + np.outer(y - B @ s, s) / (s @ s)
    np.testing.assert_allclose(B_new @ s, y, atol=1e-12)
    other = B_new + rng.normal(size=(4, 4)) @ (np.eye(4) - np.outer(s, s) / (s @ s))
    assert np.linalg.norm(B_new - B) <= np.linalg.norm(other - B)
    H = np.linalg.inv(B)
    if abs(s @ H @ y) > 1e-3 and np.linalg.cond(B_new) < 1e4 and np.linalg.cond(B) < 1e4:
        updated = H + np.outer(s - H @ y, s @ H) / (s @ H @ y)
        assert np.linalg.norm(updated @ B_new - np.eye(4)) < 1e-6


@given(seeds, st.sampled_from([1.0, 0.5, -0.7]))
def test_anderson_is_gmres_on_linear_maps(seed: int, beta: float) -> None:
    """Asked only while GMRES makes progress, which is a hypothesis of the theorem."""
    rng = np.random.default_rng(seed)
    A, b, z = ginibre_matrix(12, norm=1.2, generator=rng), rng.normal(size=12), rng.normal(size=12)
    r = A @ z + b - z
    states = anderson_states(lambda y: A @ y + b, z, 6, beta)
    before = np.linalg.norm(r)
    for k in range(1, 6):
        best = z + krylov_minimum(A, r, k)
        residual = A @ best + b - best
        target = best + beta * residual
        assert np.linalg.norm(states[k + 1] - target) <= 1e-7 * np.linalg.norm(r)
        if np.linalg.norm(residual) > 0.99 * before:
            return
        before = np.linalg.norm(residual)


def test_anderson_freezes_where_gmres_stagnates_in_exact_arithmetic() -> None:
    A, b = sympy.Matrix([[1, -1], [1, 1]]), sympy.Matrix([1, 0])
    z_0 = sympy.zeros(2, 1)
    r_0 = A * z_0 + b - z_0
    z_1 = z_0 + r_0
    r_1 = A * z_1 + b - z_1
    gamma = (r_1 - r_0).dot(r_1) / (r_1 - r_0).dot(r_1 - r_0)
    z_2 = z_1 + r_1 - gamma * ((z_1 - z_0) + (r_1 - r_0))
    assert z_2 == z_1
    c = sympy.Symbol("c", real=True)
    length = (r_0 - c * (r_0 - A * r_0)).dot(r_0 - c * (r_0 - A * r_0))
    assert sympy.solve(sympy.diff(length, c), c) == [0]  # the first GMRES step is zero


@given(seeds)
def test_anderson_is_the_least_change_with_several_secants(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dZ, dR, beta = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), 0.8
    projection = dR @ np.linalg.pinv(dR)
    H = beta * np.eye(6) - (dZ + beta * dR) @ np.linalg.pinv(dR)
    np.testing.assert_allclose(H @ dR, -dZ, atol=1e-10)
    other = H + rng.normal(size=(6, 6)) @ (np.eye(6) - projection)
    change, more = np.linalg.norm(H - beta * np.eye(6)), np.linalg.norm(other - beta * np.eye(6))
    assert change <= more


# --------------------------------------------------------------------------------- the ridge


@given(seeds, st.integers(2, 8), st.floats(-6, 3), st.floats(-8, 2))
def test_an_absolute_ridge_drives_the_weights_to_uniform(
    seed: int, n: int, size: float, ridge: float
) -> None:
    rng = np.random.default_rng(seed)
    R, mu = 10.0**size * rng.normal(size=(20, n)), 10.0**ridge
    G = R.T @ R
    weights = np.linalg.solve(G + mu * np.eye(n), np.ones(n))
    weights = weights / weights.sum()
    bound = np.linalg.norm(G, 2) / (mu * np.sqrt(n))
    condition = 1 + np.linalg.norm(G, 2) / mu
    assert np.linalg.norm(weights - 1 / n) <= bound + 100 * n * EPS * condition


@given(seeds, st.integers(1, 8), st.floats(-6, 3), st.floats(-8, 2))
def test_an_absolute_ridge_drives_the_difference_form_to_plain(
    seed: int, m: int, size: float, ridge: float
) -> None:
    rng = np.random.default_rng(seed)
    dR, r, mu = 10.0**size * rng.normal(size=(20, m)), 10.0**size * rng.normal(size=20), 10.0**ridge
    gamma = np.linalg.solve(dR.T @ dR + mu * np.eye(m), dR.T @ r)
    bound = np.linalg.norm(dR, 2) * np.linalg.norm(r) / mu
    assert np.linalg.norm(gamma) <= bound * (1 + 1e-9)


@given(seeds, st.integers(-20, 20))
def test_a_relative_ridge_is_scale_free(seed: int, power: int) -> None:
    """To the last bit for a power of two."""
    rng = np.random.default_rng(seed)
    dR, r = rng.normal(size=(20, 4)), rng.normal(size=20)

    def weights(s: float) -> Array:
        G = (s * dR).T @ (s * dR)
        gamma: Array = np.linalg.solve(G + 1e-8 * np.trace(G) * np.eye(4), (s * dR).T @ (s * r))
        return gamma

    np.testing.assert_array_equal(weights(2.0**power), weights(1.0))


@pytest.mark.parametrize("m", [1, 3, 5, 12])
def test_averaging_slows_the_slow_direction_by_half_of_m_plus_two(m: int) -> None:
    """t^(m+1) = λ/(m + 1) Σ t^i with λ = 1 − δ and t = 1 − cδ: c = 2/(m + 2) to first order."""
    delta, c = sympy.symbols("delta c")
    t = 1 - c * delta
    equation = (m + 1) * t ** (m + 1) - (1 - delta) * sum(t**i for i in range(m + 1))
    first = sympy.expand(equation).coeff(delta, 1)
    assert sympy.solve(first, c) == [sympy.Rational(2, m + 2)]


# ---------------------------------------------------------------- symmetric systems, exercises


@given(seeds)
def test_a_symmetric_cell_can_be_symmetrised(seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, D = symmetric_matrix(6, norm=1.5, generator=rng), rng.uniform(0.05, 1, size=6)
    root = np.sqrt(D)
    J, B = D[:, None] * W, root[:, None] * W * root
    np.testing.assert_allclose(np.eye(6) - J, root[:, None] * (np.eye(6) - B) / root, atol=1e-12)
    weighted = (np.eye(6) - J) / D[:, None]  # D⁻¹ (I − J) is symmetric: self-adjoint in D⁻¹
    np.testing.assert_allclose(weighted, weighted.T, atol=1e-12)
    definite = np.linalg.eigvalsh(np.eye(6) - B)[0]
    if abs(definite) > 1e-6:
        assert (definite > 0) == (np.linalg.eigvals(J).real.max() < 1)


@given(seeds)
def test_slopes_of_zero_need_no_inverse_root(seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, D = symmetric_matrix(6, norm=0.9, generator=rng), rng.integers(0, 2, size=6).astype(float)
    root, c = np.sqrt(D), rng.normal(size=6)
    y = np.linalg.solve(np.eye(6) - root[:, None] * W * root, root * (W @ c))
    x = c + root * y
    np.testing.assert_allclose(x - D * (W @ x), c, atol=1e-12)


def test_two_relaxations_solve_two_eigenvalues() -> None:
    tau = (1 / (1 - 0.9), 1 / (1 + 0.9))
    for eigenvalue in (0.9, -0.9):
        assert abs(np.prod([1 - t * (1 - eigenvalue) for t in tau])) < 1e-14
    assert abs(np.prod([1 - t for t in tau]) + 0.81 / 0.19) < 1e-13  # a third one, at 0


def test_past_the_end_of_the_corridor() -> None:
    def f(z: float) -> float:
        return 1 + 0.99 * z if z <= 1 else 1.99 - 0.99 * (z - 1)

    r_0, r_1 = f(0.0), f(1.0) - 1
    end = 1 - r_1 / (r_1 - r_0)
    z_star = 1 + 0.99 / 1.99
    assert abs(f(z_star) - z_star) < 1e-14
    assert abs(end - 100) < 1e-9
    assert 65 < (end - z_star) / z_star < 66.5


def test_the_price_of_a_digit() -> None:
    d = sympy.Symbol("d", positive=True)
    root = max(sympy.solve(4 * d**2 - 60 * d - sympy.Rational(1000, 3), d))
    assert 19 < root < 20
    m = sympy.Symbol("m", positive=True)
    memory = sympy.nsolve(6000 * m + m**3 / 3 - 2_000_000, m, 150)
    assert 148.5 < memory < 149.5


def test_the_secant_method_has_the_order_of_the_golden_ratio_on_the_babylonian_map() -> None:
    """Errors e_{k+1} ≈ C e_k e_{k−1}: their logarithms grow like Fibonacci numbers."""
    sympy_sqrt = sympy.sqrt(2).evalf(400)

    def r(z: sympy.Float) -> sympy.Float:
        return (2 / z - z) / 2

    y, z = sympy.Float(1, 400), sympy.Float("1.5", 400)
    logs = []
    for _ in range(9):
        y, z = z, z - r(z) * (z - y) / (r(z) - r(y))
        logs.append(float(sympy.log(abs(z - sympy_sqrt))))
    assert abs(logs[-1] / logs[-2] - (1 + 5**0.5) / 2) < 0.02


def test_chebyshev_minimises_the_largest_modulus() -> None:
    """Degree 3 against random competitors with the same value at a point outside."""
    rng, grid = np.random.default_rng(0), np.linspace(-1, 1, 2001)
    best = 1 / chebyshev.chebval(1.3, [0, 0, 0, 1])
    for _ in range(200):
        p = rng.normal(size=4)
        p = p / np.polyval(p, 1.3)
        assert np.abs(np.polyval(p, grid)).max() >= best


# ------------------------------------------------------------------------------- when to stop


def test_the_relative_rule_accepts_a_state_that_runs_away() -> None:
    """Newton's method for z − arctan z from 1.45: the residual tends to π/2 while |z| explodes."""
    z, first = 1.45, np.arctan(1.45)
    for _ in range(10):
        if np.arctan(abs(z)) <= 1e-6 * max(abs(z - np.arctan(z)), first):
            break
        z = z - np.arctan(z) * (1 + z * z)
    else:
        pytest.fail("the rule did not accept")
    assert abs(z) > 1e6
    assert np.arctan(abs(z)) > first


@given(seeds, st.floats(0.01, 1.0), st.sampled_from([0.9, -0.9]))
def test_the_relaxed_step_is_tau_times_the_residual(seed: int, tau: float, slope: float) -> None:
    rng = np.random.default_rng(seed)
    z, b = rng.normal(size=3), rng.normal(size=3)
    r = slope * z + b - z
    step = (1 - tau) * z + tau * (slope * z + b) - z
    np.testing.assert_allclose(step, tau * r, atol=8 * EPS * (np.abs(z) + np.abs(b)).max())
