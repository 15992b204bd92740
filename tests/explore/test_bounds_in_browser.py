"""The script of *Banach bounds* in Chromium: the same floats as in Python, to the last bit."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from deqlab.explore import Explorable, banach_bounds
from deqlab.explore._contraction import bounds, iterate

pytestmark = pytest.mark.browser


def _states() -> list[dict[str, Any]]:
    draw = random.Random(2)
    chosen = [
        (0.9, 0, "float64", 0, -6, 200),
        (0.99, 0, "bfloat16", 0, -2, 200),
        (0.9, 60, "float32", 0, -8, 200),
        (0.1, 180, "exact", 2, -15, 400),
        (0.3, 0, "float64", 0, -15, 60),
        (0.1, 90, "bfloat16", -2, -1, 10),
        (0.99, 0, "float32", 0, -4, 400),
    ]
    for _ in range(10):
        chosen.append(
            (
                draw.randint(10, 99) / 100,
                draw.randint(0, 180),
                draw.choice(["exact", "float64", "float32", "bfloat16"]),
                draw.randint(-2, 2),
                draw.randint(-15, -1),
                draw.randint(10, 400),
            )
        )
    keys = ("L", "angle", "precision", "distance", "tol", "steps")
    return [
        {**dict(zip(keys, values, strict=True)), "bounds": kind}
        for values in chosen
        for kind in ("textbook", "rounding")
    ]


def _python(state: dict[str, Any]) -> Explorable:
    return banach_bounds(
        lipschitz=state["L"],
        angle=state["angle"],
        distance=10.0 ** state["distance"],
        precision=state["precision"],
        rounding=state["bounds"] == "rounding",
        tol=10.0 ** state["tol"],
        steps=state["steps"],
    )


def test_the_script_computes_the_same_floats(visit: Callable[..., Any]) -> None:
    """Rounded states are equal; their moduli are those of two libraries, each off by an ulp."""
    page = visit(banach_bounds())
    for state in _states():
        numbers = page.look(state)["numbers"]
        run = iterate(state["L"], state["angle"], 10.0 ** state["distance"], state["precision"])
        found = bounds(run, rounding=state["bounds"] == "rounding")
        assert numbers["eigenvalue"] == list(run.eigenvalue)
        slack = 2.0**-50 if state["precision"] != "exact" else 410 * 2.0**-51  # and powers
        for name, values in (
            ("errors", run.errors),
            ("residuals", run.residuals),
            ("etas", run.etas),
            ("posterior", found.posterior),
        ):
            assert numbers[name] == pytest.approx(values[:401], rel=slack, abs=1e-300), name
        assert numbers["prior"] == pytest.approx(found.prior[:401], rel=410 * 2.0**-51, abs=1e-300)
        # |r| − η cancels where they are close
        room = 4 * 2.0**-52 * max(run.residuals)
        assert numbers["lower"] == pytest.approx(found.lower[:401], rel=slack, abs=room)


def test_script_and_python_agree_on_counts_verdict_and_picture(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    page = visit(banach_bounds())
    for state in _states():
        figure, found = _python(state), page.look(state)
        assert found["label"] == figure.alt, state
        same_drawing(found["markup"], figure)


def test_the_keyboard_changes_the_numbers(visit: Callable[..., Any]) -> None:
    page = visit(banach_bounds())
    assert page.verdict() == "|eₖ| ≤ 10⁻⁶ is promised at step 132, reached at 132, certified at 132"
    page.slider("angle of λ").press("End")
    assert page.verdict() == "|eₖ| ≤ 10⁻⁶ is promised at step 160, reached at 132, certified at 160"
    assert page.numbers()["ratio"] == pytest.approx(1.9, abs=1e-5)
    page.slider("tolerance").press("ArrowRight")
    assert page.state()["tol"] == -5
    assert page.slider("tolerance").get_attribute("aria-valuetext") == "10⁻⁵"
    page.slider("contraction L").press("End")
    assert page.state()["L"] == 0.99
    page.root().get_by_role("button", name="Reset").press("Enter")
    assert page.state() == banach_bounds().config["state"]


def test_rounding_breaks_the_textbook_bound_and_not_the_other(visit: Callable[..., Any]) -> None:
    page = visit(banach_bounds(lipschitz=0.99, tol=0.01))
    page.root().get_by_role("combobox", name="rounding").select_option("bfloat16")
    assert "certified at step 141, but false: there |eₖ| = 0.435" in page.verdict()
    page.root().get_by_role("combobox", name="bounds").select_option("rounding")
    assert page.verdict() == "|eₖ| ≤ 10⁻² is never reached: the rounding floor is 0.560"


def test_a_bound_that_is_barely_false_is_told_from_the_tolerance(
    visit: Callable[..., Any],
) -> None:
    page = visit(banach_bounds(lipschitz=0.99, precision="float32", tol=1e-4))
    assert (
        "|eₖ| ≤ 10⁻⁴ is certified at step 916, but false: there |eₖ| = 1.01 × 10⁻⁴"
        in page.verdict()
    )


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_the_tolerance_can_be_dragged(visit: Callable[..., Any], precision: str) -> None:
    page = visit(banach_bounds(precision=precision))
    grip, plot = (
        page.root().locator(f"svg .dx-{name}").first.bounding_box() for name in ("grip", "frame")
    )
    decades = {"float64": 23, "float32": 15}[precision]
    page.page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.page.mouse.down()
    page.page.mouse.move(grip["x"], plot["y"] + (5 + 3.1) / decades * plot["height"], steps=5)
    assert page.state()["tol"] == -3
    page.page.mouse.move(grip["x"], plot["y"] - 50, steps=5)
    page.page.mouse.up()
    assert page.state()["tol"] == -1
