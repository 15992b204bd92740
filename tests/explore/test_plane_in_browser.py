"""The script of *tanh map in the plane* in Chromium: it computes and draws what Python does."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deqlab.explore import Explorable, tanh_plane
from deqlab.explore._plane import Spectrum
from deqlab.explore._stories import PRESETS

pytestmark = pytest.mark.browser

EPS = 2.0**-52


def _states() -> list[dict[str, Any]]:
    """Every preset, edges of the sliders, and random positions of them."""
    states = [
        {**preset, "preset": name, **changes}
        for name, preset in PRESETS.items()
        for changes in ({}, {"preset": "own", "activation": "identity", "steps": 20})
    ]
    marginal = {**PRESETS["rotation"], "preset": "own", "activation": "identity", "b1": 0.0}
    states += [
        {**marginal, "radius": 1, "angle": 90},
        {**marginal, "radius": 1, "angle": 180},
        {**marginal, "pair": "real", "l1": 1, "l2": 0.5},
        {**marginal, "pair": "real", "l1": 1, "l2": 1, "c": 2, "activation": "tanh"},
        {**marginal, "radius": 2, "x": 0.0, "y": 0.0},
        {**marginal, "radius": 0, "angle": 0, "c": -10, "steps": 1},
    ]
    draw = random.Random(1)
    for _ in range(40):
        states.append(
            {
                "preset": "own",
                "activation": draw.choice(["tanh", "tanh", "relu", "identity"]),
                "pair": draw.choice(["real", "complex"]),
                "l1": draw.randint(-250, 250) / 100,
                "l2": draw.randint(-250, 250) / 100,
                "radius": draw.randint(0, 250) / 100,
                "angle": draw.randint(0, 180),
                "c": draw.randint(-40, 40) / 10,
                "turn": draw.randint(-90, 90),
                "b1": draw.randint(-200, 200) / 100,
                "b2": draw.randint(-200, 200) / 100,
                "x": draw.randint(-150, 150) / 100,
                "y": draw.randint(-150, 150) / 100,
                "steps": draw.randint(1, 60),
            }
        )
    return [{key: value for key, value in state.items() if key != "title"} for state in states]


def _python(state: dict[str, Any]) -> Explorable:
    real = state["pair"] == "real"
    return tanh_plane(
        state["preset"] if state["preset"] != "own" else "contraction",
        activation=state["activation"],
        eigenvalues=(state["l1"], state["l2"]) if real else None,
        radius=None if real else state["radius"],
        angle=None if real else state["angle"],
        nonnormality=state["c"],
        turn=state["turn"],
        offset=(state["b1"], state["b2"]),
        start=(state["x"], state["y"]),
        steps=state["steps"],
    )


def _reference(state: dict[str, Any]) -> tuple[Any, list[Any], list[float]]:
    """W and an orbit with bounds on its rounding: ‖diag(φ') W‖ a step, and a few units."""
    is_pair = state["pair"] == "complex"
    p, q = (state["radius"], state["angle"]) if is_pair else (state["l1"], state["l2"])
    W = np.array(Spectrum(is_pair, p, q, state["c"], state["turn"]).matrix())
    b, points, bounds = (
        np.array([state["b1"], state["b2"]]),
        [np.array([state["x"], state["y"]])],
        [0.0],
    )
    norm = float(np.linalg.norm(W, 2))
    while len(points) <= state["steps"] and math.hypot(*points[-1]) <= 1e6:
        y = W @ points[-1] + b
        slope, z = {
            "tanh": (1 - np.tanh(y) ** 2, np.tanh(y)),
            "relu": (np.ones(2), np.maximum(y, 0)),
            "identity": (np.ones(2), y),
        }[state["activation"]]
        unit = 16 * EPS * (norm * (1 + math.hypot(*points[-1])) + math.hypot(*b) + 1)
        growth = float(np.linalg.norm(slope[:, None] * W, 2))
        # beyond first order, the slope changes by at most 0.77 ‖W‖ times the error
        bounds.append((growth + norm * norm * bounds[-1]) * bounds[-1] + unit)
        points.append(z)
    return W, points, bounds


def test_the_script_iterates_like_numpy(visit: Callable[..., Any]) -> None:
    page = visit(tanh_plane())
    for state in _states():
        numbers = page.look(state)["numbers"]
        W, points, bounds = _reference(state)
        assert np.max(abs(np.array(numbers["W"]) - W)) <= 20 * EPS * 12, state
        assert numbers["norm"] == pytest.approx(float(np.linalg.norm(W, 2)), abs=1e-12)
        assert len(numbers["orbit"]) == len(points), state
        compared = 0
        for found, z, bound in zip(numbers["orbit"], points, bounds, strict=True):
            if bound < 1e-3:  # beyond it the orbits are as far apart as rounding lets them be
                assert math.dist(found, z) <= bound, state
                compared += 1
        assert compared > min(5, len(points) - 1), state


def test_script_and_python_agree_on_fixed_points_verdict_and_picture(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    page = visit(tanh_plane())
    for state in _states():
        figure, found = _python(state), page.look(state)
        assert found["label"] == figure.alt, state
        same_drawing(found["markup"], figure)


def test_the_second_picture_shows_growth_before_decay(visit: Callable[..., Any]) -> None:
    page = visit(tanh_plane("transient"))
    numbers = page.numbers()
    errors = numbers["lengths"]
    assert errors[numbers["peak"]] / errors[0] == numbers["growth"] > 2
    assert all(
        error <= numbers["norm"] ** k * errors[0] * (1 + 1e-12) for k, error in enumerate(errors)
    )
    drawn = page.root().locator("svg[role=img]").nth(1)
    assert drawn.get_attribute("aria-label").startswith("Error on a logarithmic scale")
    assert drawn.locator(".dx-dashed").count() == 2
    page.root().get_by_role("combobox", name="story").select_option("cycle")
    assert drawn.get_attribute("aria-label").startswith("Length of each step")
    assert drawn.locator(".dx-dashed").count() == 0


def test_a_story_sets_all_and_a_parameter_makes_it_your_own(visit: Callable[..., Any]) -> None:
    page = visit(tanh_plane())
    story = page.root().get_by_role("combobox", name="story")
    for name in PRESETS:
        story.select_option(name)
        assert page.state() == tanh_plane(name).config["state"]
    page.slider("x₀").press("ArrowRight")
    assert story.input_value() == "circling"
    page.slider("non-normality").press("ArrowRight")
    assert story.input_value() == "own"
    assert page.state()["c"] == 0.1


def test_the_keyboard_changes_the_numbers(visit: Callable[..., Any]) -> None:
    page = visit(tanh_plane("rotation"))
    assert page.verdict().startswith("contraction: ‖W‖ = 0.90 < 1")
    page.slider("ρ").focus()
    for _ in range(20):
        page.page.keyboard.press("ArrowRight")
    assert page.state()["radius"] == pytest.approx(1.1)
    assert page.numbers()["radius"] == pytest.approx(1.1)
    assert not page.verdict().startswith("contraction")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("ArrowLeft")
    assert page.state()["angle"] == 39
    assert page.slider("θ").get_attribute("aria-valuetext") == "39°"
    for _ in range(8):  # non-normality, turn, b, z₀, steps, Reset
        page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    assert page.state() == tanh_plane("rotation").config["state"]


def test_choosing_a_kind_of_eigenvalues_shows_its_sliders(visit: Callable[..., Any]) -> None:
    page = visit(tanh_plane("contraction"))
    assert [page.slider(name).count() for name in ("λ₁", "λ₂", "ρ", "θ")] == [1, 1, 0, 0]
    page.root().get_by_role("combobox", name="eigenvalues").select_option("complex")
    assert [page.slider(name).count() for name in ("λ₁", "λ₂", "ρ", "θ")] == [0, 0, 1, 1]


@pytest.mark.parametrize("preset", ["contraction", "transient"])
def test_the_start_can_be_dragged(visit: Callable[..., Any], preset: str) -> None:
    page = visit(tanh_plane(preset))
    grip, plot = (
        page.root().locator(f"svg .dx-{name}").first.bounding_box() for name in ("grip", "frame")
    )
    half = {"contraction": 1.5, "transient": 3}[preset]
    page.page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.page.mouse.down()
    across, down = 0.5 + 1 / half / 2, 0.5 + 0.5 / half / 2
    page.page.mouse.move(
        plot["x"] + across * plot["width"], plot["y"] + down * plot["height"], steps=5
    )
    assert page.state()["x"] == pytest.approx(1, abs=0.03)
    assert page.state()["y"] == pytest.approx(-0.5, abs=0.03)
    page.page.mouse.move(plot["x"] + 2 * plot["width"], plot["y"] - 100, steps=5)
    page.page.mouse.up()
    assert [page.state()[key] for key in ("x", "y")] == [1.5, 1.5]
