"""*Truncation*: windows and errors against the iteration itself and SciPy, the script against both.

The library's filters are an oracle too: the figure computes on its own.
"""

import cmath
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats

from deqlab.explore import Explorable, truncation
from deqlab.explore._windows import WINDOWS, averaging_weights, error, impulse, window
from deqlab.filters import IIR, HalfWindow, half_window

unhurried = settings(deadline=None, max_examples=60)
EPS = 2.0**-52
names = st.sampled_from(WINDOWS)
counts = st.integers(1, 64)
radii = st.integers(0, 99).map(lambda k: k / 100)
angles = st.integers(0, 180)
relaxations = st.integers(5, 100).map(lambda k: k / 100)


@unhurried
@given(counts, relaxations)
def test_the_windows_are_those_of_their_names(taps: int, tau: float) -> None:
    k = np.arange(taps)
    right = signal.get_window("hann", 2 * taps + 1, fftbins=False)[taps : 2 * taps]
    assert window("half-hann", taps, tau) == pytest.approx(right, abs=8 * EPS)
    assert window("half-hann", taps, tau) == pytest.approx(
        half_window(HalfWindow.HANN, taps), abs=8 * EPS
    )
    assert window("half-triangular", taps, tau) == pytest.approx(1 - k / taps, abs=2 * EPS)
    assert window("rectangle", taps, tau) == [1.0] * taps
    survival = stats.binom(taps, tau).sf(k)  # a mass is a product of up to 64 quotients
    assert window("binomial", taps, tau) == pytest.approx(survival, abs=1000 * EPS)


@unhurried
@given(names, counts, radii, angles, relaxations)
def test_the_errors_are_those_of_the_averaged_iterates(
    name: str, taps: int, radius: float, angle: int, tau: float
) -> None:
    """Iterates of z ← p z + 1, averaged with the weights of the window."""
    p, z, iterates = cmath.rect(radius, math.radians(angle)), 0j, [0j]
    for _ in range(taps):
        z = p * z + 1
        iterates.append(z)
    weights = averaging_weights(window(name, taps, tau))
    assert sum(weights) == pytest.approx(1, abs=100 * EPS)
    average = sum(weight * z for weight, z in zip(weights, iterates, strict=True))
    expected = abs(average * (1 - p) - 1)
    assert error(name, taps, radius, angle, tau) == pytest.approx(expected, abs=1000 * EPS)


@unhurried
@given(counts, radii, angles, relaxations)
def test_the_windows_are_solvers(taps: int, radius: float, angle: int, tau: float) -> None:
    """Rectangle: plain iteration; half-triangular: the mean; binomial: relaxed iteration."""
    p = cmath.rect(radius, math.radians(angle))
    plain, relaxed, total = 0j, 0j, 0j
    for _ in range(taps):
        plain = p * plain + 1
        relaxed = (1 - tau) * relaxed + tau * (p * relaxed + 1)
        total += plain
    last = {"rectangle": plain, "half-triangular": total / taps, "binomial": relaxed}
    for name, z in last.items():
        found = error(name, taps, radius, angle, tau)
        assert found == pytest.approx(abs(z * (1 - p) - 1), abs=1000 * EPS), name
    assert error("rectangle", taps, radius, angle, tau) == pytest.approx(radius**taps, abs=EPS)


@unhurried
@given(names, counts, radii.filter(bool), st.booleans(), relaxations)
def test_the_library_finds_the_same_errors(
    name: str, taps: int, radius: float, negative: bool, tau: float
) -> None:
    a = -radius if negative else radius
    w = np.array(window(name, taps, tau))
    found = IIR(a, 1.0).truncation_error(taps, 1.0, window=w)
    expected = error(name, taps, radius, 180 if negative else 0, tau)
    assert abs(found) * (1 - a) == pytest.approx(expected, abs=1000 * EPS)


@unhurried
@given(names, counts, radii, relaxations)
def test_tapers_never_beat_the_rectangle_for_a_pole_between_0_and_1(
    name: str, taps: int, radius: float, tau: float
) -> None:
    least = error("rectangle", taps, radius, 0, tau)
    assert error(name, taps, radius, 0, tau) >= least * (1 - 100 * EPS)


def test_tapers_win_for_oscillation() -> None:
    errors = {name: error(name, 32, 0.98, 180, 0.5) for name in WINDOWS}
    assert errors["rectangle"] == pytest.approx(0.98**32)
    assert errors["half-hann"] < 2e-5
    assert errors["half-triangular"] < 0.01
    assert errors["binomial"] == pytest.approx(0.01**32, rel=1e-9)


@unhurried
@given(radii, angles)
def test_the_taps_are_those_of_the_rotation(radius: float, angle: int) -> None:
    turn = math.radians(angle)
    A = radius * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    power, expected = np.eye(2), []
    for _ in range(20):
        expected.append(power[0, 0])
        power = A @ power
    assert impulse(radius, angle, 20) == pytest.approx(expected, abs=100 * EPS)


@pytest.mark.parametrize(
    ("arguments", "error_", "message"),
    [
        ({"pole": 1.0}, ValueError, "pole is 1.0; expected a number from -0.99 to 0.99"),
        ({"pole": (1.0, 30)}, ValueError, "pole is 1.0; expected a number from 0 to 0.99"),
        ({"pole": None}, TypeError, "pole is None; expected a number, or (radius, angle"),
        ({"window": "hann"}, ValueError, "window is 'hann'; choose one of rectangle, half-hann"),
        ({"taps": 0}, ValueError, "taps is 0; expected an integer from 1 to 64"),
        ({"relaxation": 0.0}, ValueError, "relaxation is 0.0; expected a number from 0.05 to 1"),
    ],
)
def test_bad_input_is_named(
    arguments: dict[str, Any], error_: type[Exception], message: str
) -> None:
    with pytest.raises(error_) as caught:
        truncation(**arguments)
    assert message in str(caught.value)


def _calls() -> list[dict[str, Any]]:
    draw = random.Random(8)
    calls: list[dict[str, Any]] = [
        {"pole": 0.9},
        {"pole": 0.0, "window": "binomial", "relaxation": 1},
        {"pole": -0.98, "window": "half-hann"},
        {"pole": (0.0, 90), "taps": 1},
    ]
    for _ in range(14):
        pole: Any = draw.randint(-99, 99) / 100
        if draw.random() < 0.5:
            pole = (draw.randint(0, 99) / 100, draw.randint(0, 180))
        taps, tau = draw.randint(1, 64), draw.randint(5, 100) / 100
        name = draw.choice(WINDOWS)
        calls.append({"pole": pole, "taps": taps, "relaxation": tau, "window": name})
    return calls


@pytest.mark.browser
def test_the_script_computes_what_python_and_scipy_do(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    page = visit(truncation())
    for call in _calls():
        figure = truncation(**call)
        state = figure.config["state"]
        found = page.look(state)
        numbers, taps, tau = found["numbers"], state["taps"], state["relaxation"]
        radius, angle = state["radius"], state["angle"]
        if state["pole"] == "real":
            radius, angle = abs(state["a"]), 180 if state["a"] < 0 else 0
        for name in WINDOWS:
            expected = [error(name, k, radius, angle, tau) for k in range(1, 65)]
            assert numbers["errors"][name] == pytest.approx(expected, rel=1e-6, abs=1e-13)
        h, w = impulse(radius, angle, 64), window(state["window"], taps, tau)
        assert numbers["h"] == pytest.approx(h, abs=100 * EPS)
        assert numbers["w"] == pytest.approx(w, abs=1000 * EPS)
        fir = np.array(w) * h[:taps]
        assert numbers["fir"] == pytest.approx(fir, abs=1000 * EPS)
        frequencies = np.arange(181) * math.pi / 180
        _, response = signal.freqz(fir, [1.0], frequencies)
        p = cmath.rect(radius, math.radians(angle))
        z = np.exp(1j * frequencies)
        exact = 0.5 / (1 - p / z) + 0.5 / (1 - p.conjugate() / z)
        for key, values in (("firSpectrum", response), ("iirSpectrum", exact)):
            for level, value in zip(numbers[key], values, strict=True):
                if abs(value) > 1e-6:
                    assert level == pytest.approx(20 * math.log10(abs(value)), abs=1e-6), call
        gains = [float(exact[0].real), float(np.sum(fir))]
        assert numbers["gains"] == pytest.approx(gains, rel=1e-9, abs=1e-12)
        assert found["label"] == figure.alt, call
        same_drawing(found["markup"], figure)


@pytest.mark.browser
def test_the_keyboard_and_the_number_of_taps(visit: Callable[..., Any]) -> None:
    page = visit(truncation())
    assert page.verdict().startswith("|z − z*| / |z*| at K = 32: rectangle 0.034")
    page.slider("pole a").press("Home")
    assert "K = 32: binomial below 10⁻¹², half-Hann" in page.verdict()
    page.root().get_by_role("combobox", name="window").select_option("half-hann")
    page.root().get_by_role("combobox", name="pole").select_option("pair")
    assert page.slider("pole a").count() == 0
    page.slider("angle").press("End")
    assert page.state()["angle"] == 180
    page.drag(9 / 63, 0)
    assert page.state()["taps"] == 10
    page.drag(-0.2, 0)
    assert page.state()["taps"] == 1
