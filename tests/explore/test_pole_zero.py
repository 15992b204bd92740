"""*Poles and zeros*: the filter against SciPy, what is said of it, and the script against both."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from deqlab.explore import Explorable, pole_zero
from deqlab.explore._filter import dc_gain, decibels, factors, respond

unhurried = settings(deadline=None, max_examples=50)
EPS = 2.0**-52
kinds = st.sampled_from(["none", "real", "pair"])
reals = st.integers(-120, 120).map(lambda k: k / 100)
radii = st.integers(0, 120).map(lambda k: k / 100)
angles = st.integers(0, 180)


def _roots(kind: str, real: float, radius: float, angle: int) -> list[complex]:
    p = radius * np.exp(1j * math.radians(angle))
    return {"none": [], "real": [real], "pair": [p, p.conjugate()]}[kind]


@unhurried
@given(kinds, reals, radii, angles)
def test_the_coefficients_are_those_of_the_roots(
    kind: str, real: float, radius: float, angle: int
) -> None:
    expected = np.atleast_1d(np.poly(_roots(kind, real, radius, angle))).real
    assert factors(kind, real, radius, angle) == pytest.approx(expected, abs=8 * EPS)


@unhurried
@given(kinds, kinds, reals, reals, radii, radii, angles, angles)
def test_the_responses_are_those_of_scipy(
    zeros: str, poles: str, q: float, p: float, zr: float, pr: float, za: int, pa: int
) -> None:
    """Rounding grows with |h|, of which 41 terms are summed up twice at most."""
    b, a = factors(zeros, q, zr, za), factors(poles, p, pr, pa)
    u = [1.0] * 41
    expected = signal.lfilter(b, a, u)
    impulse = signal.lfilter(b, a, [1.0] + [0.0] * 40)
    size = float(np.sum(abs(signal.lfilter([1.0], a, [1.0] + [0.0] * 40)))) * 10
    assert respond(b, a, u) == pytest.approx(expected, abs=100 * EPS * size)
    assert respond(b, a, [1.0] + [0.0] * 40) == pytest.approx(impulse, abs=100 * EPS * size)
    w = np.linspace(0, math.pi, 19)
    with np.errstate(divide="ignore", invalid="ignore"):
        _, response = signal.freqz(b, a, w)
    for angle, value in zip(w, response, strict=True):
        below = abs(np.polyval(a[::-1], np.exp(-1j * angle)))
        if below > 1e-6 and abs(value) > 1e-6:
            level = 20 * math.log10(abs(value))
            assert decibels(b, a, float(angle)) == pytest.approx(level, abs=1e-7)


@unhurried
@given(reals, radii, angles, st.booleans())
def test_the_dc_gain_is_the_fixed_point_of_a_stable_filter(
    real: float, radius: float, angle: int, is_pair: bool
) -> None:
    kind = "pair" if is_pair else "real"
    a, modulus = factors(kind, real, radius, angle), radius if is_pair else abs(real)
    gain = dc_gain([0.2], a)
    if modulus > 0.97:
        return
    y = respond([0.2], a, [1.0] * 1500)  # 0.97^1500 is 1e-20
    assert y[-1] == pytest.approx(gain, rel=1e-9)
    assert gain == pytest.approx(
        0.2 / abs(np.prod(1 - np.array(_roots(kind, real, radius, angle))))
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pole": 0.5}, "Stable: |p| = 0.50 < 1; DC gain = fixed point = 0.400, reached to 1 %"),
        ({"pole": 1.05}, "Unstable: |p| = 1.05 > 1, so h grows and the iteration leaves the fixed"),
        ({"pole": 1}, "Pole at 1: no DC gain and no fixed point"),
        ({"pole": (1, 0)}, "Pole at 1: no DC gain"),
        ({"pole": -1}, "Marginal: |p| = 1.00, so h does not decay and the iteration circles"),
        ({"pole": (1, 60), "gain": 1}, "the iteration circles the fixed point 1.000."),
        ({"pole": 0.9, "zero": 0.9}, "Cancelled: zero and pole coincide, so that H = 0.20"),
        ({"pole": (1.1, 30), "zero": (1.1, 30)}, "the pole is hidden, not gone"),
        ({"pole": 0.5, "zero": 1}, "fixed point = 0.000, reached in the limit."),
        ({"pole": 0.0}, "reached to 1 % from step 0 on."),
    ],
)
def test_every_fate_has_its_words(arguments: dict[str, Any], words: str) -> None:
    assert words in pole_zero(**arguments).caption


@pytest.mark.parametrize("pole", [0.3, 0.8, -0.95, 0.99])
def test_the_settling_step_is_the_one_of_the_power(pole: float) -> None:
    """|y_k − G| = |p|^{k+1} |G|: at most 1 % from k + 1 = ⌈log 0.01 / log |p|⌉ on."""
    expected = math.ceil(math.log(0.01) / math.log(abs(pole))) - 1
    assert f"from step {expected} on" in pole_zero(pole).caption


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"pole": 1.3}, ValueError, "pole is 1.3; expected a number from -1.2 to 1.2"),
        ({"pole": (0.9, 45, 1)}, TypeError, "pole is (0.9, 45, 1); expected a number, or (radius,"),
        ({"pole": (0.9, 45.5)}, TypeError, "pole is 45.5; expected an integer from 0 to 180"),
        ({"pole": 0.9 + 0.1j}, TypeError, "pole is (0.9+0.1j); expected a real number"),
        ({"zero": (1.6, 45)}, ValueError, "zero is 1.6; expected a number from 0 to 1.5"),
        ({"gain": 3}, ValueError, "gain is 3; expected a number from -2 to 2"),
        ({"steps": 5}, ValueError, "steps is 5; expected an integer from 10 to 100"),
    ],
)
def test_bad_input_is_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        pole_zero(**arguments)
    assert message in str(caught.value)


def _calls() -> list[dict[str, Any]]:
    draw = random.Random(7)
    calls: list[dict[str, Any]] = [
        {"pole": 0.8},
        {"pole": (1, 0), "zero": (0, 0)},
        {"pole": 1.0, "gain": -2},
        {"pole": (0.9, 45), "zero": (0.9, 45)},
        {"pole": 0.5, "zero": 1, "gain": 1},
    ]
    for _ in range(14):
        pole: Any = draw.randint(-120, 120) / 100
        if draw.random() < 0.6:
            pole = (draw.randint(0, 120) / 100, draw.randint(0, 180))
        zero: Any = draw.choice([None, draw.randint(-150, 150) / 100])
        if draw.random() < 0.4:
            zero = (draw.randint(0, 150) / 100, draw.randint(0, 180))
        gain, steps = draw.randint(-200, 200) / 100, draw.randint(10, 100)
        calls.append({"pole": pole, "zero": zero, "gain": gain, "steps": steps})
    return calls


@pytest.mark.browser
def test_the_script_computes_what_scipy_does(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    page = visit(pole_zero())
    for call in _calls():
        figure = pole_zero(**call)
        found = page.look(figure.config["state"])
        numbers, steps = found["numbers"], figure.config["state"]["steps"]
        b, a = numbers["b"], numbers["a"]
        expected = signal.lfilter(b, a, [1.0] + [0.0] * steps)
        size = float(np.max(abs(expected)))
        assert numbers["impulse"] == pytest.approx(expected, abs=1e-12 * max(size, 1))
        output = signal.lfilter(b, a, np.ones(steps + 1))
        size = float(np.max(abs(output)))
        assert numbers["output"][: steps + 1] == pytest.approx(output, abs=1e-11 * max(size, 1))
        w = np.arange(181) * math.pi / 180
        below = abs(np.polyval(a[::-1], np.exp(-1j * w)))
        above = abs(np.polyval(b[::-1], np.exp(-1j * w)))
        for level, p, q in zip(numbers["spectrum"], above, below, strict=True):
            if min(p, q) > 1e-6:
                assert level == pytest.approx(20 * math.log10(p / q), abs=1e-7)
        assert found["label"] == figure.alt, call
        same_drawing(found["markup"], figure)


@pytest.mark.browser
def test_pole_and_zero_can_be_dragged_apart(visit: Callable[..., Any]) -> None:
    page = visit(pole_zero((0.8, 45), zero=-1.0))

    def drag(k: int, x: float, y: float) -> None:
        page.drag((x / 1.6 + 1) / 2, (1 - y / 1.6) / 2, k)

    drag(0, 0.0, 0.5)
    assert (page.state()["radius"], page.state()["angle"]) == (
        pytest.approx(0.5, abs=0.01),
        pytest.approx(90, abs=1),
    )
    drag(1, 0.5, 0.7)
    assert page.state()["q"] == pytest.approx(0.5, abs=0.01)
    drag(0, 1.1, 0.2)
    assert page.verdict().startswith("unstable: |p| = 1.1")
    page.root().get_by_role("combobox", name="zeros").select_option("none")
    assert page.root().locator("svg .dx-touch").nth(1).get_attribute("r") == "0"
    assert page.slider("zero q").count() == 0


@pytest.mark.browser
def test_the_keyboard_changes_the_numbers(visit: Callable[..., Any]) -> None:
    page = visit(pole_zero())
    assert page.verdict().endswith("reached to 1 % from step 20 on")
    page.slider("pole a").press("End")
    assert page.verdict().startswith("unstable: |p| = 1.20 > 1")
    page.root().get_by_role("combobox", name="poles").select_option("pair")
    page.slider("pole angle").press("ArrowRight")
    assert page.state()["angle"] == 46
    page.root().get_by_role("button", name="Reset").press("Enter")
    assert page.state() == pole_zero().config["state"]
