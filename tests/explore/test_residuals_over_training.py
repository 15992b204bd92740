"""*Residuals over training*: the solver's steps are those that the library counts."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from deqlab import Picard, RelativeResidual, fixed_point
from deqlab.explore import Explorable, residuals_over_training
from deqlab.explore._residuals_over_training import needed

RADII = [0.2, 0.5, 0.8, 0.97, 1.02]
STEPS = [0, 10, 20, 40, 80]


def curve(radius: float) -> list[float]:
    """The residuals of z ← ρ z + 1 from 0, relative to the first."""
    return [radius**k for k in range(61)]


CURVES = [curve(radius) for radius in RADII]


def figure(**options: Any) -> Explorable:
    return residuals_over_training(CURVES, steps=STEPS, tolerance=1e-4, **options)


@pytest.mark.parametrize("radius", [0.2, 0.5, 0.8])
def test_the_steps_are_those_of_the_solver(radius: float) -> None:
    one = torch.ones(1, 1, dtype=torch.float64)
    solution = fixed_point(
        lambda z: radius * z + 1,
        torch.zeros_like(one),
        solver=Picard(),
        stop=RelativeResidual(rtol=1e-4),
        history=True,
    )
    residuals = solution.history.relative_residual[:, 0].tolist()
    assert needed(residuals, 1e-4) == int(solution.num_steps)


def test_what_is_never_reached_is_said() -> None:
    assert needed([1.0, 0.5], 0.1) is None
    assert figure(radii=RADII).caption == (
        "After 80 steps of training: not within 60 steps of the solver; ρ(J) = 1.02."
    )
    expected = math.ceil(math.log(1e-4) / math.log(0.5))
    assert f": {expected} steps of the solver to " in figure(start=10).caption


def test_a_residual_of_zero_has_a_place() -> None:
    picture = residuals_over_training([[1, 0]] * 2, steps=[0, 1], tolerance=0.1).picture
    assert "M0.0,0.0L332.0,324.0" in picture


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"steps": [0]}, ValueError, "steps has 1 elements; expected 2 to 60"),
        ({"steps": [0, 1]}, ValueError, "curves has 5 elements; expected one for each of steps"),
        ({"steps": [4, 3, 2, 1, 0]}, ValueError, "expected rising integers of at least 0"),
        ({"curves": [[1.0]] * 5}, ValueError, "curves[0] has 1 elements; expected 2 to 201"),
        ({"curves": [[1.0, math.nan]] * 5}, ValueError, "curves[0] has the element nan"),
        ({"curves": [[1.0, -1.0]] * 5}, ValueError, "expected finite numbers of at least 0"),
        ({"tolerance": 0.0}, ValueError, "tolerance is 0.0; expected a number from 1e-15 to 1"),
        ({"radii": [1.0]}, ValueError, "radii has 1 elements; expected 5"),
        ({"start": 5}, ValueError, "start is 5; choose one of 0, 10, 20, 40, 80"),
    ],
)
def test_bad_data_is_named(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"curves": CURVES, "steps": STEPS, "tolerance": 1e-4} | changes
    with pytest.raises(error) as caught:
        residuals_over_training(arguments.pop("curves"), **arguments)
    assert message in str(caught.value)


@pytest.mark.browser
@pytest.mark.parametrize("radii", [None, RADII])
def test_the_script_says_and_draws_what_python_does(
    visit: Callable[..., Any],
    same_drawing: Callable[[str, Explorable], None],
    radii: list[float] | None,
) -> None:
    draw = random.Random(4)
    for tolerance in (1e-4, 10.0 ** -draw.uniform(1, 14)):
        options = {"steps": STEPS, "tolerance": tolerance, "radii": radii}
        page = visit(residuals_over_training(CURVES, **options))
        for start in STEPS:
            expected = residuals_over_training(CURVES, **options, start=start)
            found = page.look(expected.config["state"])
            assert found["label"] == expected.alt
            counts = [needed(curve, tolerance) for curve in expected.config["curves"]]
            assert found["numbers"]["needed"] == counts
            same_drawing(found["markup"], expected)


@pytest.mark.browser
def test_the_slider_moves_through_the_training(visit: Callable[..., Any]) -> None:
    page = visit(figure(radii=RADII))
    slider = page.slider("training step")
    slider.press("Home")
    assert "after 0 steps of training: 6 steps of the solver to 1.0 × 10⁻⁴; ρ(J) = 0.20" in (
        page.verdict()
    )
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "10"
    assert page.root().locator("svg").count() == 2
