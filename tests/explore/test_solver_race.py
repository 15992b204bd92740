"""*Solver race*: the five methods against NumPy, their costs, and the script against Python."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deqlab.explore import Explorable, solver_race
from deqlab.explore._race import GOAL, RIDGE, Problem, paid, problem, race
from deqlab.explore._solver_race import MAPS, STYLES

unhurried = settings(deadline=None, max_examples=40)
names = st.sampled_from(sorted(MAPS))
scales = st.integers(0, 120).map(lambda k: k / 100)
starts = st.tuples(*[st.integers(-150, 150).map(lambda k: k / 100)] * 2)
EPS = 2.0**-52


@unhurried
@given(names, scales, starts)
def test_the_jacobian_is_that_of_central_differences(
    name: str, scale: float, start: tuple[float, float]
) -> None:
    given_, h = problem(name, scale), 1e-5
    if math.hypot(*start) < 0.3:  # the pole of the Babylonian map
        start = (0.5, 0.5)
    J = np.array(given_.jacobian(start))
    for k, e in enumerate(np.eye(2)):
        up, down = (np.array(given_.f(tuple(np.array(start) + s * h * e))) for s in (1, -1))
        assert (up - down) / (2 * h) == pytest.approx(J[:, k], abs=1e-7)  # h² f''' / 6, and eps / h


@unhurried
@given(names, scales)
def test_every_fixed_point_is_one(name: str, scale: float) -> None:
    given_ = problem(name, scale)
    assert given_.fixed
    for point in given_.fixed:
        assert math.dist(given_.f(point.z), point.z) <= 1e-9


def _walk(given_: Problem, method: str, start: tuple[float, float], memory: int) -> list[Any]:
    """The methods once more, from their definitions and with NumPy's solvers."""
    z, path = np.array(start), []
    residuals: list[Any] = []
    images: list[Any] = []
    B = -np.eye(2)  # Broyden's estimate of the Jacobian of f(z) − z, not of its inverse
    for k in range(12):
        fz = np.array(given_.f(tuple(z)))
        r = fz - z
        path.append(z)
        if k:
            dz, dr = z - path[-2], r - residuals[-1]
            B = B + np.outer(dr - B @ dz, dz) / (dz @ dz)
        residuals, images = [*residuals, r], [*images, fz]
        if np.linalg.norm(r) < 1e-7:
            break
        if method == "newton":
            z = z + np.linalg.solve(np.eye(2) - np.array(given_.jacobian(tuple(z))), r)
        elif method == "broyden":
            z = z - np.linalg.solve(B, r)
        else:
            dR = np.diff(np.array(residuals[-memory - 1 :]), axis=0).T.reshape(2, -1)
            dF = np.diff(np.array(images[-memory - 1 :]), axis=0).T.reshape(2, -1)
            count = dR.shape[1]  # the ridge as further equations
            rows = np.vstack([dR, math.sqrt(RIDGE * np.sum(dR**2)) * np.eye(count)])
            gamma = np.linalg.lstsq(rows, np.append(r, np.zeros(count)), rcond=None)[0]
            z = fz - dF @ gamma
    return path


@pytest.mark.parametrize(
    ("method", "memory"), [("newton", 1), ("broyden", 1), *(("anderson", m) for m in (1, 2, 5))]
)
@pytest.mark.parametrize("name", sorted(MAPS))
def test_the_methods_are_those_of_the_definitions(name: str, method: str, memory: int) -> None:
    """Rounding is amplified by at most the root of Anderson's ridge, 1e6, in a step."""
    given_ = problem(name, MAPS[name]["scale"])
    found = race(given_, MAPS[name]["start"], 0.5, memory)[method]
    expected = _walk(given_, method, MAPS[name]["start"], memory)
    assert len(found) >= min(4, len(expected))
    for visit, z in zip(found, expected, strict=False):
        if visit.residual > 1e-5:
            assert np.array(visit.z) == pytest.approx(z, abs=1e-9)


@unhurried
@given(names, scales, starts, st.integers(1, 5))
def test_residuals_and_costs(
    name: str, scale: float, start: tuple[float, float], memory: int
) -> None:
    given_ = problem(name, scale)
    for method, path in race(given_, start, 0.5, memory).items():
        cost = 3 if method == "newton" else 1
        assert [visit.spent for visit in path] == [1 + cost * k for k in range(len(path))]
        for visit in path:
            residual = math.dist(given_.f(visit.z), visit.z)
            assert visit.residual == pytest.approx(residual, abs=4 * EPS * (1 + residual))


@unhurried
@given(scales, starts)
def test_relaxation_one_is_picard(scale: float, start: tuple[float, float]) -> None:
    runs = race(problem("rotation", scale), start, 1.0, 2)
    assert runs["relaxed"] == runs["picard"]


@unhurried
@given(starts)
def test_the_shift_is_picards_own_ground(start: tuple[float, float]) -> None:
    """W² = 0: after two steps Picard is there, and nobody is faster than three evaluations."""
    runs = race(problem("shift", 1.0), start, 0.5, 2)
    costs = {name: paid(path, GOAL) for name, path in runs.items()}
    assert costs["picard"] is not None
    assert costs["picard"] <= 3
    assert all(cost is None or cost >= costs["picard"] for cost in costs.values())


def test_each_map_tells_its_story() -> None:
    texts = {name: solver_race(name).caption.split(": ")[1] for name in MAPS}
    assert texts["rotation"].endswith("Picard never.")
    assert texts["shift"].startswith("Picard 3,")
    assert texts["babylonian"].startswith("Picard")
    assert texts["symmetric"].startswith("Anderson")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"map": "tent"}, ValueError, "map is 'tent'; choose one of symmetric, rotation"),
        ({"highlight": "all five"}, ValueError, "highlight is 'all five'; choose one of all,"),
        ({"map": "babylonian", "scale": 1.0}, ValueError, "scale is 1.0, but the map 'babylonian'"),
        ({"scale": 2.1}, ValueError, "scale is 2.1; expected a number from 0 to 2"),
        ({"start": 0.5}, TypeError, "start is 0.5; expected a pair of numbers"),
        ({"start": (0, 1.555)}, ValueError, "start is 1.555; expected a number from -1.5"),
        ({"relaxation": 0}, ValueError, "relaxation is 0; expected a number from 0.05 to 1"),
        ({"memory": 0}, ValueError, "memory is 0; expected an integer from 1 to 5"),
        ({"evaluations": 40.0}, TypeError, "evaluations is 40.0; expected an integer"),
    ],
)
def test_bad_input_is_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        solver_race(**arguments)
    assert message in str(caught.value)


def _states() -> list[dict[str, Any]]:
    draw = random.Random(3)
    states = [
        {"map": name, "scale": chosen["scale"], "x": chosen["start"][0], "y": chosen["start"][1]}
        | {"relaxation": 0.5, "memory": 2, "evaluations": 40, "highlight": "all"}
        for name, chosen in MAPS.items()
    ]
    for _ in range(16):
        name = draw.choice(sorted(MAPS))
        states.append(
            {
                "map": name,
                "scale": draw.randint(0, 130) / 100 if name != "babylonian" else 1.0,
                "x": draw.randint(-150, 150) / 100,
                "y": draw.randint(-150, 150) / 100,
                "relaxation": draw.randint(5, 100) / 100,
                "memory": draw.randint(1, 2),
                "evaluations": draw.randint(5, 100),
                "highlight": draw.choice(["all", *STYLES]),
            }
        )
    return states


def _python(state: dict[str, Any]) -> Explorable:
    rest = {key: state[key] for key in ("relaxation", "memory", "evaluations", "highlight")}
    scale = None if state["map"] == "babylonian" else state["scale"]
    return solver_race(state["map"], scale=scale, start=(state["x"], state["y"]), **rest)


@pytest.mark.browser
def test_the_script_runs_the_same_race(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    """tanh may differ in its last bit, which the methods amplify: 1e-9 of iterates of size 1."""
    page = visit(solver_race())
    for state in _states():
        found, figure = page.look(state), _python(state)
        given_ = problem(state["map"], state["scale"])
        runs = race(given_, (state["x"], state["y"]), state["relaxation"], state["memory"])
        for run in found["numbers"]["runs"]:
            path = runs[run["name"]]
            assert run["paid"] == paid(path, GOAL), (state, run["name"])
            for there, here in zip(run["path"], path, strict=False):
                assert there["spent"] == here.spent
                assert there["residual"] == pytest.approx(here.residual, abs=1e-9, rel=1e-9)
        assert found["label"] == figure.alt, state
        same_drawing(found["markup"], figure)


@pytest.mark.browser
def test_the_keyboard_and_the_start(visit: Callable[..., Any]) -> None:
    page = visit(solver_race())
    assert page.verdict().endswith("Picard never")
    page.slider("weight scale c").focus()
    for _ in range(25):
        page.page.keyboard.press("ArrowLeft")
    assert page.state()["scale"] == pytest.approx(0.8)
    assert "Picard never" not in page.verdict()
    page.root().get_by_role("combobox", name="map").select_option("babylonian")
    assert page.slider("weight scale c").count() == 0
    assert (page.state()["x"], page.state()["y"]) == MAPS["babylonian"]["start"]
    page.root().get_by_role("combobox", name="highlight").select_option("newton")
    assert page.root().locator("svg").first.locator(".dx-faint").count() == 4
    page.drag(1, 0.5)
    assert page.state()["x"] == pytest.approx(1.5, abs=0.02)
    assert page.state()["y"] == pytest.approx(0, abs=0.02)
