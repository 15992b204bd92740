"""The spectra, fixed points and verdicts of *tanh map in the plane*, against other ways to them."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from deqlab.explore._fate import judge
from deqlab.explore._plane import Spectrum, fixed_points, orbit, step
from deqlab.explore._search import zeros
from deqlab.explore._stories import PRESETS

EPS = 2.0**-52
unhurried = settings(deadline=None)  # an example runs 10 000 steps, the machine may be busy


def hundredths(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(round(100 * low), round(100 * high)).map(lambda k: k / 100)


eigenvalue = hundredths(-2.5, 2.5)
coupling = st.integers(-100, 100).map(lambda k: k / 10)
turn = st.integers(-90, 90)
spectra = st.builds(Spectrum, st.just(False), eigenvalue, eigenvalue, coupling, turn) | st.builds(
    Spectrum, st.just(True), hundredths(0, 2.5), st.integers(0, 180), coupling, turn
)
offsets = st.tuples(hundredths(-2, 2), hundredths(-2, 2))
starts = st.tuples(hundredths(-1.5, 1.5), hundredths(-1.5, 1.5))


@unhurried
@given(spectra)
@example(Spectrum(True, 1.0, 180, 0.0, 0))
@example(Spectrum(True, 2.5, 90, -10.0, -90))
@example(Spectrum(False, 0.0, 0.0, 0.0, 0))
def test_the_matrix_has_the_spectrum_and_the_norm(spectrum: Spectrum) -> None:
    """Trace, determinant and both norms; eigenvalues themselves would be ill-conditioned."""
    W = np.array(spectrum.matrix())
    if spectrum.is_pair:
        mean, product = spectrum.p * math.cos(math.radians(spectrum.q)), spectrum.p**2
        moduli = [spectrum.p, spectrum.p]
    else:
        mean, product = (spectrum.p + spectrum.q) / 2, spectrum.p * spectrum.q
        moduli = [spectrum.p, spectrum.q]
    rounding = 20 * EPS * max(1, spectrum.norm) + 2e-12  # entries below 1e-12 are dropped
    assert abs(np.trace(W) / 2 - mean) <= rounding
    assert abs(np.linalg.det(W) - product) <= rounding * max(1, 2 * spectrum.norm)
    assert abs(np.linalg.norm(W, 2) - spectrum.norm) <= rounding
    departure = np.linalg.norm(W) ** 2 - sum(modulus**2 for modulus in moduli)
    assert abs(departure - spectrum.c**2) <= rounding * max(1, 4 * spectrum.norm)
    assert spectrum.radius == max(map(abs, moduli))


def test_the_presets_have_the_matrices_of_the_text() -> None:
    for name, matrix in (("nilpotent", [[-4, 8], [-2, 4]]), ("relu", [[2, -4], [1, -2]])):
        state = PRESETS[name]
        W = Spectrum(False, state["l1"], state["l2"], state["c"], state["turn"]).matrix()
        assert np.array(W) == pytest.approx(np.array(matrix), abs=20 * EPS * 10)


@unhurried
@given(st.sampled_from(["tanh", "relu", "identity"]), spectra, offsets)
def test_a_fixed_point_is_fixed_and_has_the_jacobian_of_the_map(
    activation: str, spectrum: Spectrum, b: tuple[float, float]
) -> None:
    W = spectrum.matrix()
    for point in fixed_points(activation, W, b):
        image = step(activation, W, b, point.z)
        scale = 1 + spectrum.norm * (1 + math.hypot(*point.z)) ** 2
        assert math.dist(image, point.z) <= 1e-9 * scale
        if activation == "tanh":
            h = 1e-6
            columns = [
                [
                    (p - q) / (2 * h)
                    for p, q in zip(
                        step("tanh", W, b, (point.z[0] + h * i, point.z[1] + h * (1 - i))),
                        step("tanh", W, b, (point.z[0] - h * i, point.z[1] - h * (1 - i))),
                        strict=True,
                    )
                ]
                for i in (1, 0)
            ]
            J = np.array(columns).T  # central differences: h² ‖W‖³ / 3 + eps / h
            trace, determinant = np.trace(J), np.linalg.det(J)
            root = np.emath.sqrt(trace**2 / 4 - determinant)
            larger, smaller = point.moduli
            assert larger * smaller == pytest.approx(abs(determinant), abs=1e-5)
            moduli = [abs(trace / 2 + root), abs(trace / 2 - root)]
            assert larger == pytest.approx(max(moduli), abs=math.sqrt(1e-7))


@unhurried
@given(spectra, offsets)
@example(Spectrum(False, 0.0, 0.0, 10.0, 26), (0.0, 0.0))
@example(Spectrum(False, 2.5, 2.5, 0.1, 1), (0.0, 0.0))
@example(Spectrum(True, 2.5, 30, 10.0, 45), (0.1, 0.0))
def test_the_search_overlooks_no_fixed_point_of_tanh(
    spectrum: Spectrum, b: tuple[float, float]
) -> None:
    """The degree of z − f(z) on a ball is 1; and Newton finds no point that is not listed."""
    W = spectrum.matrix()
    found = fixed_points("tanh", W, b)
    A, points = np.array(W), np.array([point.z for point in found])
    signs = [np.sign(np.linalg.det(np.eye(2) - np.diag(1 - z**2) @ A)) for z in points]
    if all(point.kind != "marginal" for point in found):
        assert sum(signs) == 1
    generator = np.random.default_rng(0)
    z = generator.uniform(-1, 1, size=(100, 2))
    for _ in range(60):
        image = np.tanh(z @ A.T + b)
        jacobians = np.eye(2) - (1 - image**2)[:, :, None] * A
        steps = np.linalg.pinv(jacobians) @ (image - z)[:, :, None]
        z = np.clip(z + steps[:, :, 0], -1, 1)
    residuals = np.linalg.norm(np.tanh(z @ A.T + b) - z, axis=1)
    for limit in z[residuals < 1e-13]:
        assert np.min(np.linalg.norm(points - limit, axis=1)) < 2e-3


@unhurried
@given(spectra, offsets)
def test_each_sufficient_condition_makes_the_fixed_point_unique(
    spectrum: Spectrum, b: tuple[float, float]
) -> None:
    """‖W‖₂ < 1; or ρ(|W|) < 1; or W + Wᵀ ≺ 2I."""
    W = np.array(spectrum.matrix())
    entries = max(abs(np.linalg.eigvals(abs(W))))
    symmetric = max(np.linalg.eigvalsh(W + W.T))
    if spectrum.norm < 1 or entries < 1 - 1e-9 or symmetric < 2 - 1e-9:
        assert len(fixed_points("tanh", spectrum.matrix(), b)) == 1


def test_spectral_radius_zero_does_not_make_the_fixed_point_unique() -> None:
    W, corner = ((-4.0, 8.0), (-2.0, 4.0)), ((2.0, -4.0), (1.0, -2.0))
    found = fixed_points("tanh", W, (0.0, 0.0))
    kinds = [point.kind for point in found]
    assert kinds == ["attracting", "saddle", "attracting", "saddle", "attracting"]
    relu = fixed_points("relu", corner, (-1.0, -1.5))
    assert [point.z for point in relu] == [(0.0, 0.0), (1.0, 0.0), (3.0, 0.5)]
    assert [point.kind for point in relu] == ["attracting", "saddle", "attracting"]


def test_uncoupled_components_multiply_their_fixed_points() -> None:
    assert len(fixed_points("tanh", ((1.5, 0.0), (0.0, 1.5)), (0.0, 0.0))) == 9
    assert len(fixed_points("tanh", ((1.5, 0.0), (0.0, 0.5)), (0.0, 0.0))) == 3
    assert len(fixed_points("tanh", ((1.5, 3.0), (0.0, 1.5)), (0.0, 0.0))) == 5


@pytest.mark.parametrize("c", [0.0, 3.0, -10.0])
@pytest.mark.parametrize("angle", [0, 17, 45])
def test_at_the_bifurcation_the_fixed_point_is_one_and_marginal(c: float, angle: int) -> None:
    found = fixed_points("tanh", Spectrum(False, 1.0, 1.0, c, angle).matrix(), (0.0, 0.0))
    central = min(found, key=lambda point: math.hypot(*point.z))
    assert central.kind == "marginal"
    assert math.hypot(*central.z) < 1e-2  # a zero of order nine, at most: (1e-16)^(1/9)


@unhurried
@given(st.lists(st.integers(-30, 30).map(lambda k: k / 10), min_size=1, max_size=4, unique=True))
def test_zeros_finds_the_roots_of_a_polynomial(roots: list[float]) -> None:
    p = np.polynomial.Polynomial.fromroots(roots)
    bound = float(np.sum(abs(p.deriv(2).coef) * 4.0 ** np.arange(max(len(roots) - 1, 1))))

    def g(u: float, radius: float) -> tuple[float, float, float]:
        return float(p(u)), float(p.deriv()(u)), bound

    assert zeros(g, 4, 1e-3) == pytest.approx(sorted(roots), abs=1e-10)


@pytest.mark.parametrize("half", [0.0, 1e-5, 1e-2])
def test_zeros_tells_apart_what_lies_apart(half: float) -> None:
    found = zeros(lambda u, radius: (u * u - half * half, 2 * u, 2), 1.1, 1e-3)
    assert len(found) == (2 if half > 1e-3 else 1)
    assert all(abs(abs(u) - half) < 1e-4 for u in found)
    assert zeros(lambda u, radius: (u * u + 1e-6, 2 * u, 2), 1.1, 1e-3) == []


@unhurried
@given(spectra, offsets, starts)
@example(Spectrum(True, 0.0, 0, 10.0, 0), (1.0, 1.0), (0.0, 0.0))
@example(Spectrum(True, 1.0, 90, 0.0, 0), (0.0, 0.0), (1.0, 0.0))
@example(Spectrum(True, 1.0, 1, 0.0, 0), (0.0, 0.0), (1.0, 0.0))
@example(Spectrum(False, 1.0, 1.0, 0.5, 0), (0.0, 0.0), (1.0, 1.0))
@example(Spectrum(False, 1.0, 0.5, 0.0, 0), (0.0, 0.0), (1.0, 1.0))
@example(Spectrum(False, 1.0, 0.5, 0.0, 0), (0.1, 0.0), (1.0, 1.0))
@example(Spectrum(False, -1.0, 0.5, 0.0, 0), (0.1, 0.0), (1.0, 1.0))
@example(Spectrum(False, 0.99, 0.99, 10.0, 0), (2.0, 2.0), (1.5, 1.5))
@example(Spectrum(False, 0.99, 0.99, 9.8, 25), (0.0, 0.66), (0.0, 0.0))
@example(Spectrum(True, 0.99, 1, -10.0, 45), (2.0, -2.0), (1.5, 1.5))
@example(Spectrum(False, 0.96, 1.0, 4.1, 0), (0.0, 0.98), (0.0, 0.0))
def test_a_linear_map_converges_from_everywhere_exactly_if_the_radius_is_below_one(
    spectrum: Spectrum, b: tuple[float, float], start: tuple[float, float]
) -> None:
    W = spectrum.matrix()
    fixed = fixed_points("identity", W, b)
    kind = judge("identity", spectrum, b, start, fixed).verdict.kind
    if spectrum.norm < 1:
        assert kind == "contraction"
    elif spectrum.radius < 1:
        assert kind == "converges"
    elif spectrum.radius > 1:
        assert kind in ("diverges", "balanced")
    else:
        assert kind in ("marginal", "cycle", "slow", "balanced") or not fixed


@unhurried
@given(spectra, offsets, starts)
def test_a_contraction_converges_and_an_error_stays_below_the_bound(
    spectrum: Spectrum, b: tuple[float, float], start: tuple[float, float]
) -> None:
    """|e_k| ≤ ‖W‖^k |e_0| for every φ with 0 ≤ φ' ≤ 1, contraction or not."""
    W = spectrum.matrix()
    fixed = fixed_points("tanh", W, b)
    fate = judge("tanh", spectrum, b, start, fixed)
    assert (fate.verdict.kind == "contraction") == (spectrum.norm < 1)
    point = fate.limit or fixed[0]
    errors = [math.dist(z, point.z) for z in orbit("tanh", W, b, start, 40)]
    located = 1e-3 if point.kind == "marginal" else 1e-8
    for k, error in enumerate(errors):
        assert error <= (errors[0] + located) * spectrum.norm**k + located


@unhurried
@given(hundredths(0, 0.99), hundredths(0, 0.99), coupling, st.integers(-90, 90), starts)
def test_growth_is_that_of_the_powers(
    p: float, q: float, c: float, turn: int, start: tuple[float, float]
) -> None:
    """max |e_k| / |e_0| is at most max ‖W^k‖, and above 1 only where ‖W‖ > 1."""
    assume(start != (0.0, 0.0))
    spectrum = Spectrum(False, p, q, c, turn)
    fixed = fixed_points("identity", spectrum.matrix(), (0.0, 0.0))
    fate = judge("identity", spectrum, (0.0, 0.0), start, fixed)
    W, power, largest = np.array(spectrum.matrix()), np.eye(2), 1.0
    for _ in range(fate.peak):
        power = power @ W
        largest = max(largest, float(np.linalg.norm(power, 2)))
    assert fate.growth <= largest * (1 + 1e-12)
    assert fate.growth == pytest.approx(
        float(np.linalg.norm(power @ start)) / math.hypot(*start), rel=1e-10
    )
    if spectrum.norm < 1:
        assert fate.growth == 1
