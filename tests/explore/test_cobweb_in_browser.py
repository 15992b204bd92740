"""The script of *cobweb* in a headless Chromium: it computes and draws what Python does."""

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from deqlab.explore import Explorable, cobweb
from deqlab.explore._orbits import MAPS

pytestmark = pytest.mark.browser

EPS = 2.0**-52
FUNCTIONS: dict[str, Callable[[float, float, float], float]] = {
    "affine": lambda z, a, b: a * z + b,
    "cos": lambda z, a, b: math.cos(a * z),
    "tanh": lambda z, a, b: math.tanh(a * z + b),
    "babylonian": lambda z, a, b: (z + a / z) / 2,
    "logistic": lambda z, a, b: a * z * (1 - z),
}
DERIVATIVES: dict[str, Callable[[float, float, float], float]] = {
    "affine": lambda z, a, b: a,
    "cos": lambda z, a, b: a * math.sin(a * z),
    "tanh": lambda z, a, b: a / math.cosh(a * z + b) ** 2,
    "babylonian": lambda z, a, b: (1 - a / z**2) / 2,
    "logistic": lambda z, a, b: a - 2 * a * z,
}


def _states() -> list[dict[str, Any]]:
    """Every map at chosen and at random parameters, without chaos in inexact functions."""
    chosen = [
        ("affine", 1.5, -1.0, 2.0),
        ("affine", 1.0, 0.0, 0.5),
        ("affine", 1.0, 0.01, 0.5),
        ("affine", -1.0, 1.0, 0.0),
        ("affine", -1.2, 1.0, 0.0),
        ("affine", 1.2, 1.0, 0.0),
        ("tanh", 1.0, 0.0, 0.5),
        ("tanh", 3.0, 0.1, 0.5),
        ("tanh", -2.0, 0.1, 0.5),
        ("cos", 1.0, 0.0, 0.1),
        ("cos", 1.6, 0.0, 0.1),
        ("babylonian", 2.0, 0.0, 0.0),
        ("babylonian", 2.0, 0.0, -0.01),
        ("logistic", 3.9, 0.0, 0.3),
        ("logistic", 4.0, 0.0, 0.5),
        ("logistic", 3.55, 0.0, 0.3),
        ("logistic", 3.0, 0.0, 0.3),
        ("logistic", 2.0, 0.0, 1.2),
    ]
    draw = random.Random(1)
    for _ in range(60):
        name = draw.choice(sorted(MAPS))
        m = MAPS[name]
        limits = [(0, 1.9) if name == "cos" else m.a, m.b or (0, 0), m.window]
        values = [draw.randint(round(100 * p), round(100 * q)) / 100 for p, q in limits]
        chosen.append((name, *values))  # type: ignore[arg-type]
    return [
        {"map": name, "a": a, "b": b, "start": start, "steps": draw.randint(1, 60)}
        for name, a, b, start in chosen
    ]


def _python(state: dict[str, Any]) -> Explorable:
    arguments = {key: value for key, value in state.items() if key != "b" or MAPS[state["map"]].b}
    return cobweb(**arguments)


def _reference(state: dict[str, Any]) -> tuple[list[float], list[float]]:
    """An orbit, with bounds on its rounding: |f'| a step, and a few units in the last place."""
    name, a, b = state["map"], state["a"], state["b"]
    points, bounds = [state["start"]], [0.0]
    while len(points) <= state["steps"] and abs(points[-1]) <= 1e6:
        z = points[-1]
        if name == "babylonian" and z == 0:
            return [*points, math.inf], [*bounds, 0.0]
        points.append(FUNCTIONS[name](z, a, b))
        growth = 1.01 * abs(DERIVATIVES[name](z, a, b))
        bounds.append(growth * bounds[-1] + 8 * EPS * max(1, abs(points[-1])))
    return points, bounds


def test_the_script_iterates_like_plain_floats(visit: Callable[..., Any]) -> None:
    root = visit(cobweb()).root()
    for state in _states():
        numbers = root.evaluate("(root, s) => (root.deqlab.set(s), root.deqlab.numbers)", state)
        points, bounds = _reference(state)
        assert len(numbers["orbit"]) == len(points), state
        for found, z, bound in zip(numbers["orbit"], points, bounds, strict=True):
            assert found == z or abs(found - z) <= bound, state
        lengths = [abs(q - p) for p, q in pairwise(numbers["orbit"])]
        assert numbers["lengths"] == lengths, state


def test_script_and_python_agree_on_fixed_points_verdict_and_picture(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    page = visit(cobweb())
    for state in _states():
        figure, found = _python(state), page.look(state)
        m = MAPS[state["map"]]
        fixed = m.fixed_points(state["a"], state["b"])
        assert [point["z"] for point in found["numbers"]["fixed"]] == pytest.approx(
            fixed, abs=1e-12
        )
        assert found["label"] == figure.alt
        same_drawing(found["markup"], figure)


def test_the_keyboard_changes_the_numbers(visit: Callable[..., Any]) -> None:
    page = visit(cobweb("cos", a=1, start=0.1))
    before = page.numbers()
    page.slider("frequency a").focus()
    for _ in range(50):
        page.page.keyboard.press("ArrowRight")
    assert page.state()["a"] == 1.5
    assert page.slider("frequency a").get_attribute("aria-valuetext") == "1.50"
    assert page.numbers()["orbit"] != before["orbit"]
    assert page.verdict().startswith("oscillates: settles on the 2-cycle")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("ArrowLeft")
    assert page.state()["start"] == 0.09
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("ArrowLeft")
    assert page.state()["steps"] == 19
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")  # Reset
    assert page.state() == cobweb("cos", a=1, start=0.1).config["state"]


def test_choosing_a_map_shows_its_parameters(visit: Callable[..., Any]) -> None:
    page = visit(cobweb("cos"))
    assert page.slider("offset b").count() == 0
    page.root().get_by_role("combobox", name="map f(z) =").select_option("tanh")
    assert page.slider("offset b").count() == 1
    assert page.slider("weight a").get_attribute("min") == "-3"
    assert page.state() == cobweb("tanh").config["state"]
    assert page.root().locator(".dx-attracting").count() == 2


def test_the_start_can_be_dragged(visit: Callable[..., Any]) -> None:
    page = visit(cobweb("affine", start=-3))
    grip, plot = (
        page.root().locator(f"svg .dx-{name}").bounding_box() for name in ("grip", "frame")
    )
    page.page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.page.mouse.down()
    page.page.mouse.move(plot["x"] + 0.75 * plot["width"], grip["y"], steps=5)
    page.page.mouse.up()
    assert page.state()["start"] == pytest.approx(2, abs=0.02)  # three quarters of [-4, 4]
    page.page.mouse.move(plot["x"], grip["y"])
    assert page.state()["start"] == pytest.approx(2, abs=0.02)


def test_the_start_can_be_dragged_by_touch(visit: Callable[..., Any]) -> None:
    page = visit(cobweb("affine", start=-3), has_touch=True, viewport={"width": 390, "height": 800})
    grip, plot = (
        page.root().locator(f"svg .dx-{name}").bounding_box() for name in ("grip", "frame")
    )
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    device = page.context.new_cdp_session(page.page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for step in range(1, 11):
        touch("touchMove", {"x": x + step / 10 * (plot["x"] + plot["width"] / 2 - x), "y": y})
    touch("touchEnd")
    assert page.state()["start"] == pytest.approx(0, abs=0.03)  # the middle of [-4, 4]
