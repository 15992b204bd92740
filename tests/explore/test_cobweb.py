"""The orbits, fixed points and verdicts of *cobweb*, against closed forms."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from deqlab.explore import cobweb
from deqlab.explore._drawing import number, size
from deqlab.explore._orbits import MAPS, FixedPoint, Verdict, judge, orbit

unhurried = settings(deadline=None)  # an example runs 10 000 steps, the machine may be busy


def hundredths(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(round(100 * low), round(100 * high)).map(lambda k: k / 100)


def fixed_points(name: str, a: float, b: float = 0.0) -> list[FixedPoint]:
    m = MAPS[name]
    return [FixedPoint(z, m.derivative(z, a, b)) for z in m.fixed_points(a, b)]


def verdict(name: str, start: float, a: float, b: float = 0.0) -> Verdict:
    return judge(lambda z: MAPS[name].f(z, a, b), start, fixed_points(name, a, b))


@unhurried
@given(hundredths(-1.5, 1.5), hundredths(-2, 2), hundredths(-4, 4))
@example(1.0, 0.0, 0.5)
@example(1.0, 0.01, 0.5)
@example(-1.0, 1.0, 0.0)
@example(-1.0, 1.0, 0.5)
@example(1.5, -1.0, 2.0)
@example(0.99, 2.0, -4.0)
@example(1.01, 0.0, 0.01)
def test_affine_converges_exactly_if_the_slope_is_less_than_one(
    a: float, b: float, start: float
) -> None:
    found = verdict("affine", start, a, b)
    at_rest = abs(a * start + b - start) < 1e-12
    if abs(a) < 1:
        assert found.kind == "converges"
        assert number(b / (1 - a)) in found.text
    elif a == 1:
        assert found.kind == ("identity" if b == 0 else "diverges")
    elif a == -1:
        assert found.kind == ("marginal" if at_rest else "cycle")
        assert found.text.startswith("marginal")
    else:
        assert found.kind == ("balanced" if at_rest else "diverges")


@unhurried
@given(hundredths(0.25, 9), hundredths(-4, 4))
@example(2.0, 0.0)
def test_babylonian_finds_the_root_with_the_sign_of_the_start(a: float, start: float) -> None:
    found = verdict("babylonian", start, a)
    if start == 0:
        assert found.kind == "undefined"
    else:
        assert found.kind == "converges"
        assert f"to {number(math.copysign(math.sqrt(a), start))} " in found.text


@unhurried
@given(hundredths(-3, 3), hundredths(-1, 1), hundredths(-1.2, 1.2))
@example(1.0, 0.0, 0.0)
@example(1.0, 0.0, 0.5)
@example(-1.0, 0.0, 0.5)
def test_tanh_has_one_limit_below_slope_one(a: float, b: float, start: float) -> None:
    found = verdict("tanh", start, a, b)
    if abs(a) < 1:
        assert len(fixed_points("tanh", a, b)) == 1
        assert found.kind == "converges"
    if abs(a) == 1 and b == 0:
        assert found.kind == ("marginal" if start == 0 else "slow")
    if a < -1 and b == 0 and start:
        assert found.kind == "cycle"
    if a > 1 and b == 0:
        assert len(fixed_points("tanh", a)) == 3
        limit = fixed_points("tanh", a)[[0, 1, 2][(start > 0) - (start < 0) + 1]]
        assert limit.kind == ("attracting" if start else "repelling")
        assert f" {number(limit.z)} " in found.text


@unhurried
@given(hundredths(0, 4), hundredths(0.01, 0.99))
@example(1.0, 0.5)
@example(3.0, 0.5)
@example(4.0, 0.5)
@example(4.0, 0.3)
def test_logistic_follows_the_period_doubling_route(a: float, start: float) -> None:
    found = verdict("logistic", start, a)
    if a < 1 or 1 < a < 3:
        assert found.kind == "converges"
        assert f"to {number(max(0.0, 1 - 1 / a) if a else 0.0)} " in found.text
    elif a in (1, 3):
        assert found.kind == "slow"
    elif 3 < a <= 3.44:
        middle, half = (a + 1) / (2 * a), math.sqrt((a - 3) * (a + 1)) / (2 * a)
        assert found.text.endswith(f"2-cycle {number(middle - half)} ↔ {number(middle + half)}")
    assert found.kind != "diverges"


@pytest.mark.parametrize("start", [-0.2, -0.01, 1.01, 1.2])
def test_logistic_diverges_outside_its_interval(start: float) -> None:
    assert verdict("logistic", start, 2.0).kind == "diverges"


def test_an_orbit_without_limit_or_short_cycle_is_called_bounded() -> None:
    assert verdict("logistic", 0.3, 3.9).kind == "bounded"


def test_an_orbit_that_lands_on_a_repelling_fixed_point_is_called_balanced() -> None:
    found = verdict("logistic", 0.5, 4.0)  # 0.5, 1, 0, 0, ...
    assert found.kind == "balanced"
    assert "0.0000 (|f\u200a′(z*)| = 4.000)" in found.text


@pytest.mark.parametrize(("a", "period"), [(3.2, 2), (3.5, 4), (3.55, 8), (3.83, 3)])
def test_the_period_of_a_cycle_is_the_least(a: float, period: int) -> None:
    assert f"{period}-cycle" in verdict("logistic", 0.3, a).text


@unhurried
@given(hundredths(0, 3), hundredths(-1.2, 1.2))
def test_cos_has_an_attracting_fixed_point_up_to_slope_one(a: float, start: float) -> None:
    points = fixed_points("cos", a)
    assert points
    if a <= 1.31:  # a sin(a z*) = 1 at a = 1.3191...
        assert verdict("cos", start, a).kind == "converges"
    elif 1.33 <= a <= 1.9:
        assert verdict("cos", start, a).kind in ("cycle", "balanced")


@unhurried
@given(st.sampled_from(["tanh", "cos"]), hundredths(-3, 3), hundredths(-1, 1))
def test_all_fixed_points_are_found(name: str, a: float, b: float) -> None:
    """A sign change on a fine grid per fixed point, unless two of them almost coincide."""
    a, b = (abs(a), 0.0) if name == "cos" else (a, b)
    points = fixed_points(name, a, b)
    assume(all(abs(point.slope - 1) > 0.01 for point in points))
    signs = [_gap(name, a, b, z) > 0 for z in _GRID]
    assert len(points) == sum(p != q for p, q in pairwise(signs))
    for point in points:  # the derivative of f(z) - z turns a residual into an error
        assert abs(_gap(name, a, b, point.z)) <= 1e-14 * max(1, abs(point.slope - 1))


_GRID = [-1.0005 + k / 1000 for k in range(2002)]


def _gap(name: str, a: float, b: float, z: float) -> float:
    return MAPS[name].f(z, a, b) - z


@unhurried
@given(st.sampled_from(sorted(MAPS)), st.data())
def test_the_derivative_is_that_of_the_map(name: str, data: st.DataObject) -> None:
    m = MAPS[name]
    a = data.draw(hundredths(*m.a))
    b = data.draw(hundredths(*m.b)) if m.b else 0.0
    z = data.draw(hundredths(*m.window))
    assume(name != "babylonian" or abs(z) >= 0.25)
    h = 1e-5  # central difference: error h^2 f'''/6 + eps/h, f''' at most 6 a / z^4 < 2e4
    difference = (m.f(z + h, a, b) - m.f(z - h, a, b)) / (2 * h)
    assert difference == pytest.approx(m.derivative(z, a, b), abs=1e-6)


def test_the_three_kinds_of_a_fixed_point() -> None:
    kinds = [FixedPoint(0.0, slope).kind for slope in (-1.01, -1, -0.99, 0, 0.99, 1, 1.01)]
    outer = ["repelling", "marginal"]
    assert kinds == [*outer, "attracting", "attracting", "attracting", *outer[::-1]]


def test_an_orbit_ends_where_it_leaves_the_range() -> None:
    points = orbit(lambda z: 10 * z, 1.0, 60)
    assert points == [10.0**k for k in range(8)]


def test_cobweb_says_the_verdict_in_words() -> None:
    figure = cobweb("cos", a=1, start=0.1)
    assert (
        "converges to 0.7391 (|f\u200a′(z*)| = 0.674), alternating from side to side" in figure.alt
    )
    assert figure.alt.startswith("Cobweb diagram of f(z) = cos(a z), a = 1.00, from z₀ = 0.10")


def test_the_picture_marks_fixed_points_by_kind() -> None:
    picture = cobweb("tanh", a=2).picture
    assert picture.count('<circle class="dx-attracting"') == 2
    assert picture.count('<circle class="dx-repelling"') == 1
    assert picture.count(">f\u200a′ = ") == 3
    assert cobweb("tanh", a=1).picture.count('<circle class="dx-marginal"') == 1


def test_the_orbit_drawn_has_the_steps_asked_for() -> None:
    for steps in (1, 7, 60):
        stairs = cobweb("cos", steps=steps).picture.split('class="dx-orbit" d="')[1].split('"')[0]
        assert stairs.count("L") == 2 * steps


@pytest.mark.parametrize(
    ("z", "text"),
    [
        (0.7391, "0.7391"),
        (-0.5, "−0.5000"),
        (-1e-9, "0.0000"),
        (0.0, "0.0000"),
        (-1.2e6, "−1.2 × 10⁶"),
    ],
)
def test_numbers_are_written_with_a_minus_sign(z: float, text: str) -> None:
    assert number(z) == text


@pytest.mark.parametrize(
    ("z", "text"),
    [
        (0.0, "0"),
        (1.717, "1.717"),
        (2.34e-13, "2.3 × 10⁻¹³"),
        (1.2e7, "1.2 × 10⁷"),
        (math.inf, "∞"),
    ],
)
def test_sizes_are_written_as_powers_of_ten(z: float, text: str) -> None:
    assert size(z) == text


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cobweb("sin"), ValueError, "map is 'sin'; choose one of affine, cos, tanh"),
        (lambda: cobweb("cos", b=1), ValueError, "b is 1, but the map 'cos'"),
        (lambda: cobweb("cos", a=3.5), ValueError, "a is 3.5; expected a number from 0 to 3"),
        (lambda: cobweb("cos", start=2), ValueError, "start is 2; expected a number from -1.2"),
        (lambda: cobweb("tanh", a=math.nan), ValueError, "a is nan; expected a number from -3"),
        (lambda: cobweb("tanh", a=0.123), ValueError, "a is 0.123; expected a multiple of 0.01"),
        (lambda: cobweb("tanh", a="2"), TypeError, "a is '2'; expected a real number"),
        (lambda: cobweb("tanh", b=True), TypeError, "b is True; expected a real number"),
        (lambda: cobweb(steps=0), ValueError, "steps is 0; expected an integer from 1 to 60"),
        (lambda: cobweb(steps=61), ValueError, "steps is 61; expected an integer from 1 to 60"),
        (lambda: cobweb(steps=2.0), TypeError, "steps is 2.0; expected an integer"),
    ],
)
def test_bad_input_is_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message.replace("(", r"\(").replace("'", ".")):
        call()
