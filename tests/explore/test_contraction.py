"""The runs, bounds and step counts of *Banach bounds*, against exact arithmetic."""

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deqlab.bounds import a_posteriori_bound, a_priori_steps
from deqlab.explore import banach_bounds
from deqlab.explore._contraction import (
    FIXED,
    PRECISIONS,
    Counts,
    Run,
    bounds,
    count,
    down,
    iterate,
    judge,
)

EPS = 2.0**-52
unhurried = settings(deadline=None, max_examples=60)  # the machine may be busy
constants = st.integers(10, 99).map(lambda k: k / 100)
angles = st.integers(0, 180)
distances = st.integers(-2, 2).map(lambda k: 10.0**k)
formats = st.sampled_from(["float64", "float32", "bfloat16"])


def _parts(L: float, angle: float) -> tuple[float, float]:
    turn = math.radians(angle)
    return down(down(L) * math.cos(turn)), down(down(L) * math.sin(turn))


def test_the_modulus_of_the_eigenvalue_is_at_most_the_constant() -> None:
    """Exactly, for every position of both sliders; and within 2⁻¹⁹ of it."""
    for hundredth in range(10, 100):
        for angle in range(181):
            L = down(hundredth / 100)
            p, q = (Fraction(part) for part in _parts(hundredth / 100, angle))
            assert p * p + q * q <= Fraction(L) ** 2
            assert math.hypot(p, q) > L - 2.0**-19
    assert [_parts(0.9, angle)[0] for angle in (0, 180)] == [down(0.9), -down(0.9)]


@unhurried
@given(constants, angles)
def test_the_fixed_point_of_the_map_is_exact(L: float, angle: int) -> None:
    """b = z* − λ z* has no rounding, so that the error is measured from the true fixed point."""
    real, imaginary = _parts(L, angle)
    p, q = FIXED
    b, c = p - (real * p - imaginary * q), q - (real * q + imaginary * p)
    exact = [Fraction(part) for part in (real, imaginary, p, q, b, c)]
    x, y, u, v, s, t = exact
    assert s == u - (x * u - y * v)
    assert t == v - (x * v + y * u)


@unhurried
@given(constants, angles, distances, formats)
def test_a_step_rounds_by_at_most_eta(L: float, angle: int, distance: float, name: str) -> None:
    """A step of the recorded run, from the recorded error and in rational arithmetic."""
    rounded, (p, q) = PRECISIONS[name].rounded, FIXED
    real, imaginary = _parts(L, angle)
    b, c = p - (real * p - imaginary * q), q - (real * q + imaginary * p)
    run = iterate(L, angle, distance, name)
    x, y = (rounded(z + distance * d) for z, d in zip(FIXED, (0.6, 0.8), strict=True))
    for k in range(40):
        u = rounded(real * x - imaginary * y + b)
        v = rounded(real * y + imaginary * x + c)
        exact = [Fraction(z) for z in (real, imaginary, x, y, b, c)]
        off = (
            Fraction(u) - exact[0] * exact[2] + exact[1] * exact[3] - exact[4],
            Fraction(v) - exact[0] * exact[3] - exact[1] * exact[2] - exact[5],
        )
        assert math.hypot(*off) <= run.etas[k]
        assert run.errors[k] == math.hypot(x - p, y - q)
        x, y = u, v


@unhurried
@given(constants, angles, distances, formats)
@example(0.99, 0, 100.0, "bfloat16")
@example(0.99, 180, 0.01, "float64")
def test_the_bounds_with_rounding_hold_at_every_step(
    L: float, angle: int, distance: float, name: str
) -> None:
    run = iterate(L, angle, distance, name)
    found = bounds(run, rounding=True)
    slack = 1 + 8 * EPS  # of the bounds' own operations
    for error, low, high, promise in zip(
        run.errors, found.lower, found.posterior, found.prior, strict=True
    ):
        assert low <= error * slack
        assert error <= min(high, promise) * slack


@unhurried
@given(constants, angles, distances)
def test_the_textbook_bounds_hold_without_rounding(L: float, angle: int, distance: float) -> None:
    run = iterate(L, angle, distance, "exact")
    found = bounds(run, rounding=False)
    for k in range(250):  # no underflow: 0.1^250 / 100
        slack = 1 + (8 + 4 * k) * EPS  # a power is off by its exponent, in units of eps
        assert found.lower[k] <= run.errors[k] * slack
        assert run.errors[k] <= found.posterior[k] * slack
        assert found.posterior[k] <= found.prior[k] * slack


@unhurried
@given(constants)
def test_the_upper_bounds_are_attained_at_plus_l_and_the_lower_one_at_minus_l(L: float) -> None:
    plus, minus = (iterate(L, angle, 1.0, "exact") for angle in (0, 180))
    upper, lower = bounds(plus, rounding=False), bounds(minus, rounding=False)
    for k in range(200):
        slack = (8 + 4 * k) * EPS
        assert upper.posterior[k] == pytest.approx(plus.errors[k], rel=slack)
        assert upper.prior[k] == pytest.approx(plus.errors[k], rel=slack)
        assert lower.lower[k] == pytest.approx(minus.errors[k], rel=slack)


@unhurried
@given(constants, angles)
def test_residual_over_error_is_the_distance_of_the_eigenvalue_from_one(
    L: float, angle: int
) -> None:
    run = iterate(L, angle, 1.0, "float64")
    distance = abs(1 - L * complex(math.cos(math.radians(angle)), math.sin(math.radians(angle))))
    assert run.ratio == pytest.approx(distance, abs=2.0**-18)
    # |e_1| is at least 0.09, and the residual is off by η and by its subtraction
    assert run.residuals[1] / run.errors[1] == pytest.approx(run.ratio, abs=40 * EPS / 0.09)


@unhurried
@given(constants, angles, distances, st.integers(-15, -1))
def test_the_counts_are_those_of_the_library(
    L: float, angle: int, distance: float, exponent: int
) -> None:
    run, tol = iterate(L, angle, distance, "exact"), 10.0**exponent
    counts = count(run, bounds(run, rounding=False), tol)
    assert counts.promised == a_priori_steps(run.L, run.residuals[0], tol)
    assert counts.certified is not None
    assert a_posteriori_bound(run.L, run.residuals[counts.certified]) <= tol
    assert counts.reached == next(k for k, error in enumerate(run.errors) if error <= tol)


@unhurried
@given(constants, angles, distances, formats, st.integers(-15, -1), st.booleans())
@example(0.99, 0, 1.0, "bfloat16", -2, False)
@example(0.9, 60, 1.0, "float32", -8, False)
def test_a_bound_that_includes_rounding_is_never_called_false(
    L: float, angle: int, distance: float, name: str, exponent: int, rounding: bool
) -> None:
    run = iterate(L, angle, distance, name)
    counts = count(run, bounds(run, rounding=rounding), 10.0**exponent)
    verdict = judge(run, counts, exponent)
    false = [
        k
        for k in (counts.promised, counts.certified)
        if k is not None and run.errors[k] > 10.0**exponent * (1 + 1e-9)
    ]
    assert (verdict.kind == "broken") == bool(false)
    if rounding:
        assert not false
    if verdict.kind == "floor":
        assert counts.certified is None
    if verdict.kind == "reached":
        assert counts.reached is not None
        assert counts.certified is not None


def test_rounding_makes_the_textbook_bound_false() -> None:
    """In bfloat16 with L = 0.99 the residual vanishes where the error is 0.435."""
    run = iterate(0.99, 0, 1.0, "bfloat16")
    found = bounds(run, rounding=False)
    assert count(run, found, 0.01) == Counts(promised=469, reached=None, certified=141)
    assert run.residuals[141] == 0
    assert run.errors[141] == pytest.approx(0.435, abs=5e-4)
    assert run.errors[141] <= run.floor == pytest.approx(0.560, abs=5e-4)
    assert count(run, bounds(run, rounding=True), 0.01).certified is None


def test_the_error_ends_below_the_floor() -> None:
    for name in ("float64", "float32", "bfloat16"):
        for angle in (0, 90, 180):
            run: Run = iterate(0.9, angle, 1.0, name)
            assert run.errors[-1] <= run.floor * (1 + 0.1)  # η is that of z*, not of z_k
            assert run.errors[-1] > 0


@unhurried
@given(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6))
def test_float32_is_the_nearest(x: float) -> None:
    assert PRECISIONS["float32"].rounded(x) == struct.unpack("f", struct.pack("f", x))[0]


@unhurried
@given(st.floats(-1e6, 1e6, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6))
@example(1.00390625)  # halfway: to even, down
@example(1.01171875)  # halfway: to even, up
@example(1.998046875)
def test_bfloat16_is_that_of_torch(x: float) -> None:
    torch = pytest.importorskip("torch")
    assert PRECISIONS["bfloat16"].rounded(x) == float(torch.tensor(x).to(torch.bfloat16))


def test_banach_bounds_says_the_verdict_in_words() -> None:
    assert "promised at step 132, reached at 132, certified at 132" in banach_bounds().alt
    assert "promised at step 160, reached at 132, certified at 160" in banach_bounds(angle=180).alt
    broken = banach_bounds(lipschitz=0.99, precision="bfloat16", tol=0.01)
    assert "certified at step 141, but false: there |eₖ| = 0.435" in broken.caption
    floor = banach_bounds(lipschitz=0.99, precision="bfloat16", tol=0.01, rounding=True)
    assert "never reached: the rounding floor is 0.560" in floor.caption
    never = banach_bounds(precision="float32", angle=180)
    assert "is reached at step 132, never certified" in never.caption


def test_the_curves_drawn_have_the_steps_asked_for() -> None:
    for steps in (10, 77, 400):
        picture = banach_bounds(steps=steps).picture
        for name in ("curve", "lower"):
            drawn = picture.split(f'class="dx-{name}" d="')[1].split('"')[0]
            assert drawn.count("L") == steps


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lipschitz": 1.0}, ValueError, "lipschitz is 1.0; expected a number from 0.1 to 0.99"),
        ({"lipschitz": 0.905}, ValueError, "lipschitz is 0.905; expected a multiple of 0.01"),
        ({"lipschitz": "0.9"}, TypeError, "lipschitz is '0.9'; expected a real number"),
        ({"angle": 200}, ValueError, "angle is 200; expected an integer from 0 to 180"),
        ({"angle": 0.5}, TypeError, "angle is 0.5; expected an integer"),
        ({"distance": 2}, ValueError, "distance is 2; expected a power of ten from 1e-2 to 1e2"),
        ({"distance": math.inf}, ValueError, "distance is inf; expected a power of ten"),
        ({"tol": 0}, ValueError, "tol is 0; expected a power of ten from 1e-15 to 1e-1"),
        ({"tol": 1.0}, ValueError, "tol is 1.0; expected a power of ten"),
        ({"tol": "1e-6"}, TypeError, "tol is '1e-6'; expected a real number"),
        ({"precision": "float16"}, ValueError, "precision is 'float16'; choose one of exact"),
        ({"rounding": 1}, TypeError, "rounding is 1; expected True or False"),
        ({"steps": 401}, ValueError, "steps is 401; expected an integer from 10 to 400"),
    ],
)
def test_bad_input_is_named(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        banach_bounds(**arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)
