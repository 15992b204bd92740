"""*Unit circle*: the branch, its eigenvalues and its gradient; the script against Python."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deqlab.explore import Explorable, unit_circle
from deqlab.explore._exits import MARKS, Place, branch, errors, scaled, weights

unhurried = settings(deadline=None, max_examples=25)
exits = st.sampled_from(["+1", "-1", "pair"])
angles = st.integers(10, 170)
offsets = st.integers(0, 50).map(lambda k: k / 100)
EPS = 2.0**-52


def _places(exit_: str, angle: int, offset: float) -> tuple[Any, tuple[float, float], list[Place]]:
    W, b = weights(exit_, angle), (offset, offset / 2)
    return W, b, branch(W, b, 2)


@unhurried
@given(exits, angles, offsets)
def test_the_branch_consists_of_fixed_points_without_a_jump(
    exit_: str, angle: int, offset: float
) -> None:
    """No step is longer than |dz*/dc| allows, up to a factor of 2 for its change on the way.

    dz*/dc = (I − J)⁻¹ diag(1 − z²) W z*, hence |dz*/dc| ≤ |dz*/db|₂ |z*|, as |W| = 1.
    """
    W, b, places = _places(exit_, angle, offset)
    assert len(places) == 201
    for k, place in enumerate(places):
        image = np.tanh(k / MARKS * np.array(W) @ place.z + b)
        assert image == pytest.approx(place.z, abs=1e-15 + 8 * EPS)
        if k:
            before = places[k - 1]
            speed = max(p.gradient * math.hypot(*p.z) if any(p.z) else 0.0 for p in (before, place))
            assert math.dist(place.z, before.z) <= 2 * speed / MARKS


@unhurried
@given(exits, angles, offsets)
def test_eigenvalues_and_gradient_are_those_of_numpy(exit_: str, angle: int, offset: float) -> None:
    W, _, places = _places(exit_, angle, offset)
    for k in (0, 50, 100, 110, 200):
        place = places[k]
        slopes = 1 - np.array(place.z) ** 2
        J = slopes[:, None] * (k / MARKS * np.array(W))
        p, q = place.eigenvalues
        assert p + q == pytest.approx(np.trace(J), abs=8 * EPS)
        assert p * q == pytest.approx(np.linalg.det(J), abs=32 * EPS)
        assert place.radius == max(abs(p), abs(q))
        system = np.eye(2) - J
        if abs(np.linalg.det(system)) > 1e-6:
            gradient = np.linalg.solve(system, np.diag(slopes))
            assert place.gradient == pytest.approx(np.linalg.norm(gradient, 2), rel=1e-9)


@pytest.mark.parametrize("exit_", ["+1", "-1", "pair"])
def test_the_gradient_is_that_of_central_differences(exit_: str) -> None:
    W, h = weights(exit_, 60), 1e-5
    columns = []
    for e in ((h, 0.0), (0.0, h)):
        up, down = (branch(W, (0.2 + s * e[0], 0.1 + s * e[1]), 1.5)[-1].z for s in (1, -1))
        columns.append((np.array(up) - down) / (2 * h))
    expected = np.linalg.norm(np.array(columns).T, 2)
    assert branch(W, (0.2, 0.1), 1.5)[-1].gradient == pytest.approx(expected, rel=1e-7)


def test_the_gradient_is_infinite_at_plus_one_and_finite_elsewhere() -> None:
    """At c = 1 with b = 0: |(I − W)⁻¹| is 1/(1 + 0.3), or 1/|1 − e^{iθ}|."""
    assert _places("+1", 60, 0)[2][100].gradient == math.inf
    assert _places("-1", 60, 0)[2][100].gradient == pytest.approx(1 / 1.3)
    assert _places("pair", 60, 0)[2][100].gradient == pytest.approx(1 / abs(1 - 1j ** (2 / 3)))
    assert "is infinite, as 1 ∈ σ(J)" in unit_circle("+1", scale=1).caption
    assert unit_circle("-1", scale=1).caption.startswith("ρ(J) = 1.00: Picard is marginal")


@unhurried
@given(exits, angles, st.integers(50, 200), st.integers(5, 100).map(lambda k: k / 100))
def test_relaxation_converges_as_the_disc_says(exit_: str, angle: int, k: int, tau: float) -> None:
    """From 1e-6 beside z* = 0 the error falls like |1 − τ + τ λ|^k at least, as W is normal."""
    W, b, places = _places(exit_, angle, 0)
    place = places[k]
    found = errors(scaled(W, k / MARKS), b, (6e-7, 8e-7), place.z, tau, 60)
    rate = place.relaxed(tau)
    if rate < 1:
        assert found[60] <= 1e-6 * rate**60 * (1 + 1e-6) + 1e-18
    limits = [2 * (1 - z.real) / abs(1 - z) ** 2 for z in place.eigenvalues if z != 1]
    if abs(rate - 1) > 1e-9:  # the condition of the notes
        possible = all(z.real < 1 for z in place.eigenvalues) and tau < min(limits)
        assert (rate < 1) == possible


def test_an_offset_turns_the_exit_through_plus_one_into_a_fold() -> None:
    _, _, places = _places("+1", 60, 0.05)
    assert max(place.radius for place in places) < 1
    assert max(place.gradient for place in places) < 10


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"exit": "1"}, ValueError, "exit is '1'; choose one of +1, -1, pair"),
        ({"scale": 2.5}, ValueError, "scale is 2.5; expected a number from 0 to 2"),
        ({"offset": -0.1}, ValueError, "offset is -0.1; expected a number from 0 to 0.5"),
        ({"relaxation": 0.555}, ValueError, "relaxation is 0.555; expected a multiple of 0.01"),
        ({"angle": 60.0}, TypeError, "angle is 60.0; expected an integer from 10 to 170"),
    ],
)
def test_bad_input_is_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        unit_circle(**arguments)
    assert message in str(caught.value)


def _states() -> list[dict[str, Any]]:
    keys = ("exit", "scale", "offset", "relaxation", "angle")
    chosen: list[tuple[Any, ...]] = [("+1", 1.0, 0, 1, 60), ("pair", 2, 0.5, 0.05, 170)]
    draw = random.Random(6)
    for _ in range(12):
        name, angle = draw.choice(["+1", "-1", "pair"]), draw.randint(10, 170)
        scale, offset = draw.randint(0, 200) / 100, draw.choice([0, 0.05, 0.3])
        chosen.append((name, scale, offset, draw.randint(5, 100) / 100, angle))
    return [dict(zip(keys, values, strict=True)) for values in chosen]


@pytest.mark.browser
def test_the_script_follows_the_same_branch(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    page = visit(unit_circle())
    for state in _states():
        found = page.look(state)
        numbers = found["numbers"]
        W, b, places = _places(state["exit"], state["angle"], state["offset"])
        for here, there in zip(places, numbers["branch"], strict=True):
            assert there["z"] == pytest.approx(here.z, abs=1e-12)
            for pair, z in zip(there["eigenvalues"], here.eigenvalues, strict=True):
                assert complex(*pair) == pytest.approx(z, abs=1e-7)  # √eps where z is double
            if here.gradient < 1e6:
                assert there["gradient"] == pytest.approx(here.gradient, rel=1e-7)
        place, A = places[round(100 * state["scale"])], scaled(W, state["scale"])
        for name, tau in (("picard", 1), ("slower", state["relaxation"])):
            expected = errors(A, b, (0.5, -0.3), place.z, tau, 60)
            assert numbers[name] == pytest.approx(expected, abs=1e-9)
        figure = unit_circle(**state)
        assert found["label"] == figure.alt, state
        same_drawing(found["markup"], figure)


@pytest.mark.browser
def test_the_keyboard_and_the_eigenvalue(visit: Callable[..., Any]) -> None:
    page = visit(unit_circle("pair"))
    assert "relaxed Picard converges to z*" in page.verdict()
    assert "τ < 0.81 converges" in page.root().locator(".dx-notes").inner_text()
    page.slider("relaxation τ").press("End")
    assert "relaxed Picard leaves z*" in page.verdict()
    page.root().get_by_role("combobox", name="λ leaves").select_option("+1")
    assert page.slider("angle of λ").count() == 0
    assert "no τ > 0 converges" in page.root().locator(".dx-notes").inner_text()
    page.drag((0.5 / 2.2 + 1) / 2, 0.5)
    assert page.state()["scale"] == pytest.approx(0.5, abs=0.02)
