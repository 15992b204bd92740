"""*Anderson's memory*: the weights against NumPy, their limits, and the script against Python."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deqlab.explore import Explorable, anderson_memory
from deqlab.explore._anderson import bordered_weights, difference_weights, mixed, spread
from deqlab.explore._ridge import EIGENVALUES, METHODS, OFFSET, D, image, run

unhurried = settings(deadline=None, max_examples=40)
EPS = 2.0**-52
seeds = st.integers(0, 10**6)
memories = st.integers(0, 12)
ridges = st.sampled_from([1e-8, 1e-4, 1.0])


def _residuals(seed: int, memory: int) -> Any:
    return np.random.default_rng(seed).standard_normal((memory + 1, D))


@unhurried
@given(seeds, memories, ridges)
def test_the_weights_solve_the_problems_of_their_definitions(
    seed: int, memory: int, ridge: float
) -> None:
    """Against SVD and LU; 13 random vectors of 32 have a condition below 20, ridge or not."""
    R = _residuals(seed, memory)
    rows = R.tolist()
    dR = np.diff(R, axis=0).T.reshape(D, memory)
    system = np.vstack([dR, math.sqrt(ridge) * np.eye(memory)])
    gamma = np.linalg.lstsq(system, np.append(R[-1], np.zeros(memory)), rcond=None)[0]
    expected = np.append(gamma, 1.0) - np.append(0.0, gamma)
    assert difference_weights(rows, ridge) == pytest.approx(expected, abs=1e4 * EPS)
    n = memory + 1
    gram = np.block(
        [[R @ R.T + ridge * np.eye(n), np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]]
    )
    expected = np.linalg.solve(gram, np.append(np.zeros(n), 1.0))[:n]
    assert bordered_weights(rows, ridge) == pytest.approx(expected, abs=1e4 * EPS)
    assert spread(rows) == pytest.approx(np.sum(dR**2), rel=100 * EPS)


@unhurried
@given(seeds, memories)
def test_the_limits_of_a_large_ridge(seed: int, memory: int) -> None:
    """Uniform weights in the bordered form, plain iteration in the difference form."""
    rows = _residuals(seed, memory).tolist()
    n, ridge = memory + 1, 1e12
    assert bordered_weights(rows, ridge) == pytest.approx([1 / n] * n, abs=1e-9)
    assert difference_weights(rows, ridge) == pytest.approx([0.0] * memory + [1.0], abs=1e-9)


@unhurried
@given(seeds, memories)
def test_the_two_forms_are_one_without_a_ridge(seed: int, memory: int) -> None:
    rows = _residuals(seed, memory).tolist()
    weights = difference_weights(rows, 0.0)
    assert weights == pytest.approx(bordered_weights(rows, 0.0), abs=1e5 * EPS)
    assert sum(weights) == pytest.approx(1, abs=1e4 * EPS)
    assert mixed(weights, rows) == pytest.approx(np.array(weights) @ np.array(rows), abs=1e-11)


def test_degenerate_residuals_break_nothing() -> None:
    zero, one = [0.0] * 3, [1.0, 2.0, 3.0]
    for rows in ([zero], [zero, zero], [one, one], [one, one, one], [zero, one, zero]):
        for weights in (difference_weights(rows, 0.0), bordered_weights(rows, 0.0)):
            assert all(map(math.isfinite, weights)), rows
            assert sum(weights) == pytest.approx(1)


def _matrix() -> Any:
    return (
        np.array([image("linear", 1.0, list(e)) for e in np.eye(D)]).T - np.array(OFFSET)[:, None]
    )


def test_the_map_is_symmetric_with_the_eigenvalues_it_names() -> None:
    W = _matrix()
    assert pytest.approx(W.T, abs=20 * EPS) == W
    assert np.linalg.eigvalsh(W) == pytest.approx(sorted(EIGENVALUES), abs=100 * EPS)
    assert max(EIGENVALUES) == 0.99
    z = list(np.linspace(-1, 1, D))
    expected = 100 * np.tanh(W @ z / 100 + OFFSET)
    assert image("tanh", 100.0, z) == pytest.approx(expected, abs=1e4 * EPS)


def test_full_memory_on_a_linear_map_is_gmres() -> None:
    """|z_{k+1} of Anderson − f(z_k of GMRES)| is rounding: the residuals W r of GMRES's are equal.

    GMRES minimises over the Krylov space, here by least squares in an orthonormal basis of it.
    """
    found = run("linear", "relative", scale=1.0, memory=12, ridge=0.0, evaluations=13)
    W, b = _matrix(), np.array(OFFSET)
    A, basis = np.eye(D) - W, np.empty((D, 0))
    first = math.sqrt(b @ b)
    for k in range(1, 12):
        power = b if k == 1 else A @ basis[:, -1]
        power = power - basis @ (basis.T @ power)
        power = power - basis @ (basis.T @ power)
        basis = np.column_stack([basis, power / np.linalg.norm(power)])
        z = basis @ np.linalg.lstsq(A @ basis, b, rcond=None)[0]
        after = W @ (b - A @ z)  # the residual of f(z)
        assert found.residuals[k + 1] == pytest.approx(np.linalg.norm(after) / first, rel=1e-7)


@unhurried
@given(st.sampled_from(["tanh", "linear"]), st.integers(-30, 30), st.integers(1, 6))
def test_only_the_relative_ridge_does_not_depend_on_the_scale(
    name: str, exponent: int, memory: int
) -> None:
    """To the last bit for powers of two: then every number is scaled without rounding."""
    settings_ = {"memory": memory, "ridge": 1e-4, "evaluations": 30}
    here, there = (run(name, "relative", scale=s, **settings_) for s in (1.0, 2.0**exponent))
    assert here == there
    if exponent:
        here, there = (run(name, "absolute", scale=s, **settings_) for s in (1.0, 2.0**exponent))
        assert here.weights != there.weights


def test_an_absolute_ridge_ruins_anderson_and_a_relative_one_does_not() -> None:
    runs = {
        method: run("tanh", method, scale=1e-2, memory=5, ridge=1e-4, evaluations=150)
        for method in METHODS
    }
    last = {method: found.residuals[-1] for method, found in runs.items()}
    assert last["bordered"] > 100 * last["plain"]
    assert last["absolute"] == pytest.approx(last["plain"], rel=0.1)
    assert last["relative"] < 1e-12
    assert runs["bordered"].weights[-1] == pytest.approx([1 / 6] * 6, abs=1e-3)
    assert anderson_memory(state_scale=0.01).caption.endswith("ends behind plain iteration.")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"map": "relu"}, ValueError, "map is 'relu'; choose one of tanh, linear"),
        ({"memory": 13}, ValueError, "memory is 13; expected an integer from 1 to 12"),
        ({"regularization": 0}, ValueError, "regularization is 0; expected a power of ten from"),
        ({"regularization": 2e-4}, ValueError, "regularization is 0.0002; expected a power of"),
        ({"state_scale": "1"}, TypeError, "state_scale is '1'; expected a real number"),
        ({"state_scale": 1e7}, ValueError, "expected a power of ten from 1e-6 to 1e6"),
        ({"evaluations": 10}, ValueError, "evaluations is 10; expected an integer from 20 to 300"),
        ({"step": 150}, ValueError, "step is 150; expected an integer from 0 to 149"),
    ],
)
def test_bad_input_is_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        anderson_memory(**arguments)
    assert message in str(caught.value)


def _states() -> list[dict[str, Any]]:
    keys = ("map", "memory", "ridge", "scale", "evaluations", "step")
    chosen: list[tuple[Any, ...]] = [
        ("tanh", 5, -4, 0, 150, 20),
        ("linear", 12, -12, 6, 60, 59),
        ("linear", 1, -1, -6, 20, 0),
    ]
    draw = random.Random(4)
    for _ in range(10):
        n = draw.randint(20, 120)
        name = draw.choice(["tanh", "linear"])
        ridge, scale = draw.randint(-12, -1), draw.randint(-6, 6)
        chosen.append((name, draw.randint(1, 12), ridge, scale, n, draw.randrange(n)))
    return [dict(zip(keys, values, strict=True)) for values in chosen]


@pytest.mark.browser
def test_the_script_runs_the_same_methods(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    """On the linear map, which needs no library function, to the last bit."""
    page = visit(anderson_memory())
    for state in _states():
        found = page.look(state)
        runs = {
            method: run(
                state["map"],
                method,
                scale=10.0 ** state["scale"],
                memory=state["memory"],
                ridge=10.0 ** state["ridge"],
                evaluations=state["evaluations"],
            )
            for method in METHODS
        }
        for method, expected in runs.items():
            numbers = found["numbers"][method]
            if state["map"] == "linear":
                assert numbers["residuals"] == expected.residuals, (state, method)
                assert numbers["weights"] == expected.weights
            else:  # an ulp of tanh, which the least-squares problem amplifies
                pairs = zip(numbers["residuals"], expected.residuals, strict=False)
                assert all(math.isclose(p, q, rel_tol=1e-3, abs_tol=1e-10) for p, q in pairs)
        figure = anderson_memory(
            state["map"],
            memory=state["memory"],
            regularization=10.0 ** state["ridge"],
            state_scale=10.0 ** state["scale"],
            evaluations=state["evaluations"],
            step=state["step"],
        )
        if state["map"] == "linear":
            assert found["label"] == figure.alt, state
            same_drawing(found["markup"], figure)


@pytest.mark.browser
def test_the_keyboard_ruins_and_rescues(visit: Callable[..., Any]) -> None:
    page = visit(anderson_memory())
    same_drawn = page.look({})["label"]
    assert same_drawn == anderson_memory().alt
    page.slider("state scale s").press("Home")
    assert page.slider("state scale s").get_attribute("aria-valuetext") == "10⁻⁶"
    assert "relative 25, not within 150: plain, bordered, absolute" in page.verdict()
    page.slider("evaluations").press("Home")
    assert page.state()["step"] == 19
    assert page.slider("weights at k").get_attribute("max") == "19"
    page.drag(5.1 / 19, 0)
    assert page.state()["step"] == 5
    weights = page.root().locator("svg[role=img]").nth(1)
    assert weights.get_attribute("aria-label").startswith(
        "Weights at k = 5, oldest first: bordered"
    )
    assert weights.locator("rect").count() == 18
