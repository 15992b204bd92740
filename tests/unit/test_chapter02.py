"""What chapter 02 and the page on divergence claim, checked apart from their cells.

The cells of the chapter are compared with their stored outputs by nbval. Here stand the claims of
its prose: statements "for every ...", and the measurements of "Solving a divergence", whose
snippets are run on maps with the symptom that each step describes.
"""

import contextlib
import io
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deqlab import (
    LinearMap,
    TanhMap,
    ginibre_matrix,
    iterate_banach,
    nonnormal_matrix,
    orthogonal_matrix,
)

Matrix = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
RELU_W, RELU_B = np.array([[2.0, -4.0], [1.0, -2.0]]), np.array([-1.0, -1.5])
TANH_W = np.array([[-4.0, 8.0], [-2.0, 4.0]])
HUMP = np.array([[0.9, 5.0], [0.0, 0.8]])

seeds = st.integers(0, 2**32 - 1)


def turn(degrees: float) -> Matrix:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


# ------------------------------------------------------------------ existence and uniqueness


def test_relu_counter_example_has_three_fixed_points_and_spectral_radius_zero() -> None:
    """By the four patterns of active components, in exact arithmetic."""
    W, b = sympy.Matrix(RELU_W.astype(int).tolist()), sympy.Matrix([-1, sympy.Rational(-3, 2)])
    assert not any(W**2)
    found = []
    for pattern in ((0, 0), (1, 0), (0, 1), (1, 1)):
        D = sympy.diag(*pattern)
        z = (sympy.eye(2) - D * W).solve(D * b)
        y = W * z + b
        if all((y[i] > 0) == bool(pattern[i]) for i in range(2)):
            found.append(tuple(z))
    assert found == [(0, 0), (1, 0), (3, sympy.Rational(1, 2))]


def test_tanh_analogue_has_five_fixed_points() -> None:
    """W z = 2 (2 z₂ − z₁) (2, 1): a fixed point is (tanh 4s, tanh 2s) with s = 2 tanh 2s − tanh 4s.

    That is one equation in one unknown; each of its zeros is bracketed by a change of sign, and
    between the brackets the function keeps clear of zero or is monotone.
    """
    s = sympy.Symbol("s")
    direction = sympy.Matrix(TANH_W.astype(int).tolist()) * sympy.Matrix(
        [sympy.tanh(4 * s), sympy.tanh(2 * s)]
    )
    assert sympy.simplify(direction[0] - 2 * direction[1]) == 0  # the range of W
    grid = np.linspace(-1.5, 1.5, 30001)
    h = 2 * np.tanh(2 * grid) - np.tanh(4 * grid) - grid
    assert np.all(np.abs(h[np.abs(grid) > 1.2]) > 0.1)  # and |s| ≤ 3 at any zero: |h| > |s| − 3
    changes = np.flatnonzero(np.sign(h[:-1]) * np.sign(h[1:]) <= 0)
    groups = np.split(changes, np.flatnonzero(np.diff(changes) > 1) + 1)
    assert len(groups) == 5
    f = TanhMap(TANH_W)
    assert f.spectral_radius() == 0.0
    verdicts = []
    for group in groups:
        z = np.array([np.tanh(4 * grid[group[0]]), np.tanh(2 * grid[group[0]])])
        for _ in range(20):
            z = z + np.linalg.solve(np.eye(2) - f.jacobian(z), f(z) - z)
        assert np.linalg.norm(f(z) - z) < 10 * EPS
        verdicts.append(bool(f.spectral_radius(z) < 1))
    assert verdicts == [True, False, True, False, True]


@given(seeds)
def test_disc_of_radius_15_hundredths_stays_with_the_origin(seed: int) -> None:
    """The circle drawn in the basin figure."""
    angle, length = np.random.default_rng(seed).uniform(size=2)
    z = 0.15 * length * turn(360 * angle)[0]
    trace = iterate_banach(TanhMap(TANH_W), z, max_steps=50)
    assert np.linalg.norm(trace.value) < 1e-9


@pytest.mark.parametrize(
    ("W", "tau"),
    [
        (0.45 * np.kron([[1, 1], [1, -1]], [[1, 1], [1, -1]]), 0.8),
        (np.array([[0.0, 10.0], [0.0, 0.0]]), 0.8),
        (5 * turn(90), 0.04),
    ],
    ids=["norm", "one way", "turn"],
)
@given(seed=seeds)
def test_conditions_give_one_fixed_point_whatever_b(W: Matrix, tau: float, seed: int) -> None:
    """Relaxed far enough, the iteration reaches the same point from all starts."""
    rng = np.random.default_rng(seed)
    d = len(W)
    f = TanhMap(W, rng.normal(size=d))
    z = rng.uniform(-1, 1, size=(30, d))
    for _ in range(1600):
        z = (1 - tau) * z + tau * f(z)
    assert np.max(np.abs(f(z) - z)) < 1e-9
    assert np.max(np.ptp(z, axis=0)) < 1e-7


@given(seeds, st.integers(1, 5))
def test_uniqueness_conditions_make_identity_minus_dw_invertible(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    G = rng.normal(size=(d, d))
    by_norm = G * (0.95 / np.linalg.norm(G, np.inf))
    by_perron = G * (0.95 / max(abs(np.linalg.eigvals(abs(G)))))
    by_symmetry = G - np.eye(d) * (np.linalg.eigvalsh((G + G.T) / 2)[-1] - 0.95)
    for W in (by_norm, by_perron, by_symmetry):
        D = np.diag(rng.uniform(size=d) ** rng.choice([0, 1, 8]))
        assert np.linalg.det(np.eye(d) - D @ W) > 0


def test_relu_layer_without_a_fixed_point() -> None:
    z = np.linspace(-10, 10, 20001)
    assert np.all(np.maximum(2 * z + 1, 0) > z)


# ------------------------------------------------------------------ bounds


@given(seeds, st.sampled_from([1.0, -1.0]), st.floats(0.05, 0.99))
def test_sign_of_the_slow_eigenvalue_decides_the_end_of_the_bound(
    seed: int, sign: float, L: float
) -> None:
    rng = np.random.default_rng(seed)
    f = LinearMap(sign * L * np.eye(3), rng.normal(size=3))
    z = f.fixed_point() + rng.normal(size=3)
    error = np.linalg.norm(z - f.fixed_point())
    residual = np.linalg.norm(f(z) - z)
    size = 1 + np.linalg.norm(z) + np.linalg.norm(f.fixed_point())
    assert abs(residual / (1 - sign * L) - error) <= 40 * EPS * size / (1 - L) ** 2


def test_textbook_bound_is_violated_by_rounding_and_repaired_by_eta() -> None:
    a, b = 0.999, 0.1
    z = 0.0
    while a * z + b != z:
        z = a * z + b
    error = abs(Fraction(z) - Fraction(b) / (1 - Fraction(a)))
    assert error > 0
    assert error <= Fraction(float(LinearMap(a, b).rounding_error(z) / (1 - a)))


@given(seeds)
def test_spectral_radius_bounds_no_error(seed: int) -> None:
    """‖r‖/(1 − ρ) fails by any factor; ‖r‖/σ_min(I − A) holds."""
    rng = np.random.default_rng(seed)
    c = 10 ** rng.uniform(1, 4)
    e = np.array([c, 1.0])
    A = np.array([[0.0, c], [0.0, 0.0]])
    r = A @ e - e
    assert np.linalg.norm(e) >= c * np.linalg.norm(r)
    gap = np.linalg.svd(np.eye(2) - A, compute_uv=False)[-1]
    assert np.linalg.norm(e) <= np.linalg.norm(r) / gap * (1 + 100 * c**2 * EPS)


@given(seeds)
def test_a_ball_is_enough(seed: int) -> None:
    """The map leaves no ball with ‖f(c) − c‖ ≤ (1 − L) R."""
    rng = np.random.default_rng(seed)
    f = TanhMap(ginibre_matrix(4, norm=0.8, generator=rng), rng.normal(size=4))
    c = rng.normal(size=4)
    R = np.linalg.norm(f(c) - c) / 0.2 * (1 + 1e-12)
    directions = rng.normal(size=(50, 4))
    z = c + R * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    assert np.max(np.linalg.norm(f(z) - c, axis=1)) <= R
    assert np.linalg.norm(iterate_banach(f, c, error_tol=1e-9).value - c) <= R


@given(seeds)
def test_nearby_maps_have_nearby_fixed_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, U = ginibre_matrix(4, norm=0.9, generator=rng), rng.normal(size=(4, 2))
    x, y = rng.normal(size=2), rng.normal(size=2)
    at_x, at_y = (
        iterate_banach(TanhMap(W, U=U, x=u), np.zeros(4), error_tol=1e-10).value for u in (x, y)
    )
    moved = np.linalg.norm(U, 2) * np.linalg.norm(x - y) / (1 - 0.9)
    assert np.linalg.norm(at_x - at_y) <= moved + 2e-10


# ------------------------------------------------------------------ linear maps


def test_hump_of_the_non_normal_matrix_lies_between_kreiss_and_kappa() -> None:
    powers = [np.linalg.norm(np.linalg.matrix_power(HUMP, k), 2) for k in range(200)]
    _, V = np.linalg.eig(HUMP)
    kappa = np.linalg.cond(V)
    assert all(p <= kappa * 0.9**k * (1 + 1e-10) for k, p in enumerate(powers))
    zeta = 1.1 + 0.1 * np.arange(1, 10)
    resolvent = np.linalg.inv(zeta[:, None, None] * np.eye(2) - HUMP)
    assert np.max((zeta - 1) * np.linalg.norm(resolvent, 2, axis=(1, 2))) <= max(powers)
    assert max(powers) > 13
    assert powers[38] < 1 < powers[37]


@given(seeds, st.integers(2, 6))
def test_gelfand_roots_are_upper_bounds(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    T = nonnormal_matrix(d, spectral_radius=0.7, norm=3.0, generator=rng, triangular=True)
    for k in (1, 3, 10, 40):
        power = np.linalg.matrix_power(T, k)
        for ord in (1, 2, np.inf):  # noqa: A001
            assert np.linalg.norm(power, ord) ** (1 / k) >= 0.7 * (1 - 100 * d * EPS)


def test_identity_converges_with_spectral_radius_one_but_to_no_common_limit() -> None:
    """Why Theorem 'Linear maps' says: a limit that does not depend on the start."""
    f = LinearMap(np.eye(2))
    for start in ([0.0, 0.0], [1.0, 2.0]):
        assert np.array_equal(iterate_banach(f, start, max_steps=3).value, start)
    assert f.spectral_radius() == 1.0


# ------------------------------------------------------------------ relaxation


@given(seeds, st.integers(1, 6))
def test_relaxation_interval_is_exact(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    J = 2 * rng.normal(size=(d, d))
    J -= np.eye(d) * (max(np.linalg.eigvals(J).real) - rng.uniform(-2, 0.9))  # all Re λ < 1
    eigenvalues = np.linalg.eigvals(J)
    limit = np.min(2 * (1 - eigenvalues.real) / abs(1 - eigenvalues) ** 2)
    radius = {t: np.max(abs(1 - t * limit * (1 - eigenvalues))) for t in (0.01, 0.5, 0.99, 1.01)}
    assert max(radius[0.01], radius[0.5], radius[0.99]) < 1 < radius[1.01]


@given(seeds, st.floats(1e-4, 5))
def test_no_relaxation_closes_the_exit_through_one(seed: int, tau: float) -> None:
    eigenvalue = 1 + abs(np.random.default_rng(seed).normal())
    assert abs(1 - tau * (1 - eigenvalue)) >= 1


# ------------------------------------------------------------------ solving a divergence


PAGE = Path(__file__).resolve().parents[2] / "book" / "divergence.md"
Numbers = list[float]


class Step:
    """The snippets of the page, run in order on one map."""

    def __init__(self, f: Callable[[Any], Any], z0: Any, **names: Any) -> None:
        self.names: dict[str, Any] = {"f": f, "z0": np.array(z0), **names}
        self.printed(0)

    def printed(self, number: int) -> list[Numbers]:
        """The numbers that the snippets of one step print, line by line."""
        sections = re.split(r"(?m)^## Step \d+: .*$", PAGE.read_text(encoding="utf-8"))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            for snippet in re.findall(r"```python\n(.*?)```", sections[number + 1], re.DOTALL):
                exec(snippet, self.names)
        return [
            [float(x) for x in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?|nan|inf", line)]
            for line in out.getvalue().splitlines()
        ]

    @property
    def status(self) -> str:
        return str(self.names["trace"].status.name)


def test_step_1_overflow_is_told_from_a_fault() -> None:
    grown = Step(lambda z: z**2 + 1, [3.0])
    assert grown.status == "NONFINITE"
    assert grown.printed(1)[-1][-1] > 1e3


def test_step_2_eigenvalues_at_the_point_newton_finds() -> None:
    step = Step(LinearMap(1.2 * turn(80), [1.0, 1.0]), [0.0, 0.0])
    residual, (radius, real), (limit,) = step.printed(2)
    assert residual[0] < 1e-12
    assert (radius, real) == pytest.approx((1.2, 1.2 * np.cos(np.radians(80))), abs=1e-6)
    tau = limit / 2
    f = step.names["f"]
    relaxed = iterate_banach(lambda z: (1 - tau) * z + tau * f(z), np.zeros(2), residual_tol=1e-8)
    assert relaxed.converged


def test_step_3_two_steps_return_and_half_relaxation_converges() -> None:
    step = Step(TanhMap([[-1.5]], [0.1]), [0.3])
    assert step.printed(3)[0][0] < 1e-6
    f = step.names["f"]
    assert iterate_banach(lambda z: (z + f(z)) / 2, [0.3], residual_tol=1e-10).converged


def test_step_4_circling_is_told_from_chaos() -> None:
    circling = Step(TanhMap(1.2 * turn(80)), [0.1, 0.0])
    assert circling.printed(4)[0][0] < 1e-7
    W = ginibre_matrix(50, norm=8.0, generator=np.random.default_rng(0))
    chaos = Step(TanhMap(W), np.full(50, 0.1))
    assert chaos.printed(4)[0][0] > 0.1


def test_step_5_rounding_floor_is_recognised() -> None:
    Q = orthogonal_matrix(50, norm=0.9, generator=np.random.default_rng(0))
    f = LinearMap(Q.astype(np.float32), np.ones(50, dtype=np.float32))
    rounding = Step(f, np.zeros(50, dtype=np.float32))
    assert rounding.status == "MAX_STEPS"
    assert rounding.printed(5)[0][0] < 1
    rng = np.random.default_rng(0)
    noisy = Step(lambda z: 0.5 * z + 1e-4 * rng.normal(size=3), np.zeros(3))
    assert noisy.printed(5)[0][0] > 1e6


@pytest.mark.parametrize("slow", [0.99, -0.99])
def test_step_6_predicts_steps_error_and_side(slow: float) -> None:
    f = LinearMap(np.diag([slow, 0.3]), [1.0, 1.0])
    step = Step(f, [0.0, 0.0])
    more, error, cosine = step.printed(6)[0]
    true_error = np.linalg.norm(step.names["trace"].value - f.fixed_point())
    assert cosine == pytest.approx(np.sign(slow), abs=1e-6)
    if slow > 0:
        assert error == pytest.approx(true_error, rel=1e-3)
    else:
        assert true_error < step.names["r"][-1]
    total = iterate_banach(f, [0.0, 0.0], residual_tol=1e-8, max_steps=5000).num_steps
    assert abs(500 + more - total) <= 2


def test_step_7_hump_is_measured() -> None:
    step = Step(LinearMap(HUMP), [-250.0, -5.0])
    assert step.status == "CONVERGED"
    radius, norm, hump, when = step.printed(7)[0]
    assert radius < 1 < norm < hump
    assert when == 6


def test_step_8_ghost_of_a_fold_is_recognised() -> None:
    step = Step(TanhMap([[2.0]], [-0.533]), [0.9])
    assert step.status == "CONVERGED"
    (gap,), (residual, newton_step) = step.printed(8)
    assert max(gap, 10 * residual) < 1e-3
    assert newton_step > 100 * residual


def test_step_9_spread_and_conditions() -> None:
    several = Step(TanhMap(TANH_W), [0.5, 0.5], W=TANH_W)
    (spread,), (*_, norm, perron, symmetric) = several.printed(9)
    assert min(spread, norm, perron, symmetric) > 1
    W = np.array([[0.5, 3.0], [0.0, 0.5]])
    one = Step(TanhMap(W, [0.3, 0.1]), [0.5, 0.5], W=W)
    (spread,), (norm, perron, symmetric) = one.printed(9)
    assert spread < 1e-6
    assert perron < 1 < min(norm, symmetric)


def test_step_10_one_newton_step_estimates_the_error() -> None:
    f = LinearMap(np.diag([0.9999, 0.2]), [1e-6, 1.0])
    step = Step(f, [0.0, 0.0])
    residual, error = step.printed(10)[0]
    true_error = np.linalg.norm(step.names["trace"].value - f.fixed_point())
    assert error == pytest.approx(true_error, rel=1e-4)
    assert error > 1000 * residual


def test_step_11_amplification_of_the_gradient() -> None:
    fold = Step(TanhMap([[2.0]], [-0.5325]), [0.9])
    moderate = Step(TanhMap([[-0.99]]), [0.9])
    assert fold.printed(11)[0][0] > 20
    assert moderate.printed(11)[0][0] == pytest.approx(1 / 1.99, rel=1e-6)


def test_every_step_of_the_page_is_tested() -> None:
    steps = {int(n) for n in re.findall(r"(?m)^## Step (\d+):", PAGE.read_text(encoding="utf-8"))}
    tested = {int(m[1]) for name in globals() if (m := re.match(r"test_step_(\d+)_", name))}
    assert steps - {0} == tested
