"""*Flow and equilibrium*: what a line separates, and particles that the library moves."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deqlab import Picard, RelativeResidual, iterate
from deqlab.explore import Explorable, flow_and_equilibrium
from deqlab.explore._flow_and_equilibrium import DIRECTIONS, separated

points = st.tuples(st.integers(-20, 20), st.integers(-20, 20)).map(lambda p: (p[0] / 7, p[1] / 7))
labelled = st.lists(st.tuples(points, st.integers(0, 1)), min_size=2, max_size=30)


def annulus(count: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A disc, of label 1, inside a ring."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    radius = np.where(labels == 1, 0.5 * np.sqrt(draw.random(count)), 1 + 0.5 * draw.random(count))
    angle = 2 * math.pi * draw.random(count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), labels


def moved(x: np.ndarray, steps: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A rotation in time, and the iterates of a contractive cell."""
    turns = np.linspace(0, 1, 21)
    flow = [x @ np.array([[math.cos(t), math.sin(t)], [-math.sin(t), math.cos(t)]]) for t in turns]
    W = torch.tensor([[0.3, -0.4], [0.4, 0.3]], dtype=torch.float64)
    states = iterate(
        lambda z, x: torch.relu(z @ W.T + x),
        torch.zeros(x.shape, dtype=torch.float64),
        torch.from_numpy(x),
        solver=Picard(),
        stop=RelativeResidual(rtol=1e-14),
        max_steps=steps,
    )
    return np.array(flow), np.array([state.value.numpy() for state in states])


def figure(count: int = 60, **options: Any) -> Explorable:
    x, labels = annulus(count)
    flow, equilibrium = moved(x)
    return flow_and_equilibrium(labels, flow, equilibrium, **options)


@settings(deadline=None, max_examples=60)
@given(labelled)
def test_no_other_line_of_these_directions_is_right_more_often(data: Any) -> None:
    """Every threshold between two places, on both sides, in each direction."""
    x, labels = np.array([p for p, _ in data]), np.array([kind for _, kind in data])
    best = 0
    for k in range(DIRECTIONS):
        place = x @ [math.cos(math.pi * k / DIRECTIONS), math.sin(math.pi * k / DIRECTIONS)]
        levels = np.unique(np.round(place, 8))
        for level in [levels[0] - 1, *(levels[1:] + levels[:-1]) / 2]:
            right = int(np.sum((place > level) == labels))
            best = max(best, right, len(labels) - right)
    found = separated([p for p, _ in data], [kind for _, kind in data])
    assert found == pytest.approx(best / len(labels))


def test_an_annulus_is_not_separable_and_its_squared_radius_is() -> None:
    x, labels = annulus()
    assert separated(x.tolist(), labels.tolist()) < 0.85
    lifted = np.stack([x[:, 0], (x**2).sum(axis=1)], axis=1)
    assert separated(lifted.tolist(), labels.tolist()) == 1


def test_both_panels_are_as_far_along() -> None:
    caption = figure(start=0.5).caption
    assert "at t = 0.50, for " in caption
    assert caption.endswith("after 6 steps.")
    assert figure(start=0).caption.endswith("after 0 steps.")
    assert "t = 3.00" in figure(times=np.linspace(2, 3, 21)).caption


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"labels": [0]}, ValueError, "labels has 1 elements"),
        ({"labels": [0, 2]}, ValueError, "expected 2 to 200 labels, each 0 or 1"),
        ({"flow": [[[0, 0], [1, 1]]]}, ValueError, "flow has 1 frames; expected 2 to 61"),
        ({"flow": [[[0, 0]]] * 2}, ValueError, "flow[0] has 1 particles; expected 2"),
        ({"flow": [[[0, 0, 0], [1, 1, 1]]] * 2}, ValueError, "flow[0] has 3 elements; expected 2"),
        ({"equilibrium": [[[0, 0], [1, math.nan]]] * 2}, ValueError, "has the element nan"),
        ({"equilibrium": 3}, TypeError, "equilibrium is 3; expected a sequence"),
        ({"times": [0, 1, 2]}, ValueError, "times has 3 elements; expected 2"),
        ({"times": [1, 0]}, ValueError, "expected rising numbers"),
        ({"start": 2}, ValueError, "start is 2; expected a number from 0 to 1"),
    ],
)
def test_bad_data_is_named(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    still = [[[0, 0], [1, 1]]] * 2
    arguments = {"labels": [0, 1], "flow": still, "equilibrium": still} | changes
    with pytest.raises(error) as caught:
        flow_and_equilibrium(**arguments)
    assert message in str(caught.value)


def test_more_than_a_page_can_carry_is_refused() -> None:
    frames = np.zeros((61, 200, 2))
    with pytest.raises(ValueError, match="24400 positions; expected at most 8000"):
        flow_and_equilibrium([0, 1] * 100, frames, frames)


@pytest.mark.browser
@pytest.mark.parametrize("count", [10, 60])  # with trails, and without
def test_the_script_says_and_draws_what_python_does(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None], count: int
) -> None:
    page, draw = visit(figure(count)), random.Random(5)
    for start in (0.0, 1.0, *(draw.random() for _ in range(6))):
        expected = figure(count, start=start)
        found = page.look(expected.config["state"])
        assert found["label"] == expected.alt
        same_drawing(found["markup"], expected)
        config = expected.config
        for name, frame, share in zip(
            ("flow", "equilibrium"),
            found["numbers"]["frames"],
            found["numbers"]["shares"],
            strict=True,
        ):
            assert share == separated(config[name][frame], config["labels"])


@pytest.mark.browser
def test_the_slider_moves_both(visit: Callable[..., Any]) -> None:
    page = visit(figure())
    slider = page.slider("time and step")
    slider.press("Home")
    assert "at t = 0.00, for " in page.verdict()
    assert "after 0 steps" in page.verdict()
    slider.press("ArrowRight")
    assert "t = 0.05" in page.verdict()
    slider.press("ArrowRight")
    assert "after 1 step" in page.verdict()
