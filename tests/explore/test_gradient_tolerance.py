"""*Tolerance and gradient*: gradients against autograd, the bound, the script against Python."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deqlab.explore import Explorable, gradient_tolerance
from deqlab.explore._gradient import (
    FIXED,
    TARGET,
    D,
    Layer,
    implicit,
    layer,
    neumann,
    states,
    unrolled,
)
from deqlab.explore._gradient_tolerance import _sweep

unhurried = settings(deadline=None, max_examples=60)
rates = st.integers(50, 99).map(lambda k: k / 100)
tolerances = st.integers(-12, -1).map(lambda k: 10.0**k)
EPS = 2.0**-52


def _autograd(given_: Layer, count: int) -> Any:
    W, b = torch.tensor(given_.W), torch.tensor(given_.b, requires_grad=True)
    z = torch.zeros(D, dtype=torch.float64)
    for _ in range(count):
        z = torch.tanh(W @ z + b)
    loss = 0.5 * torch.sum((z - torch.tensor(TARGET)) ** 2)
    (gradient,) = torch.autograd.grad(loss, b)
    return gradient.numpy()


@pytest.mark.parametrize(("rate", "enough"), [(0.5, 80), (0.9, 500)])
def test_the_exact_gradient_is_the_limit_of_backpropagation(rate: float, enough: int) -> None:
    """K L^K is below 1e-20 there, so that only rounding is left, amplified by 1/(1 − L)²."""
    given_ = layer(rate)
    assert given_.gradient == pytest.approx(_autograd(given_, enough), rel=1e3 * EPS / 0.01)


@unhurried
@given(rates, st.integers(1, 60))
def test_the_unrolled_gradient_is_that_of_backpropagation(rate: float, count: int) -> None:
    given_ = layer(rate)
    assert unrolled(given_, count) == pytest.approx(_autograd(given_, count), rel=1e-12, abs=1e-13)


@unhurried
@given(rates)
def test_the_constant_and_the_fixed_point_are_what_they_are_called(rate: float) -> None:
    given_ = layer(rate)
    assert np.linalg.norm(given_.W, 2) == pytest.approx(rate, rel=20 * EPS)
    assert pytest.approx(given_.W.T, abs=EPS) == given_.W
    assert np.tanh(given_.W @ FIXED + given_.b) == pytest.approx(FIXED, abs=4 * EPS)
    _, second, third = given_.constants()
    x = np.linspace(-2, 2, 40001)
    bend = np.max(abs(np.diff(np.tanh(x), 2))) / (x[1] - x[0]) ** 2
    v = np.linalg.norm(FIXED - TARGET)
    assert second == pytest.approx(1 + bend * rate * v, rel=1e-4)  # of second differences
    assert third == pytest.approx(bend * rate**2 * v, rel=1e-4)


@unhurried
@given(rates, tolerances, tolerances)
def test_the_bound_holds(rate: float, r: float, s: float) -> None:
    """Beyond rounding, which both solves and their difference add: 100 eps / (1 − L)²."""
    given_ = layer(rate)
    visited = states(given_, r)
    gradient, products = implicit(given_, visited[-1], s)
    assert len(visited) < 10_000
    assert products < 10_000
    slack = 100 * EPS / (1 - rate) ** 2
    assert given_.error(gradient) <= given_.bound(r, s) + slack


@unhurried
@given(rates, st.integers(1, 40))
def test_a_cut_series_is_off_by_the_power_of_the_jacobian(rate: float, terms: int) -> None:
    """w_k − w = −(Jᵀ)^k w at z*, hence for the gradients too."""
    given_ = layer(rate)
    slopes = 1 - FIXED**2
    J = slopes[:, None] * given_.W
    w = given_.gradient / slopes
    expected = given_.gradient - slopes * (np.linalg.matrix_power(J.T, terms) @ w)
    found = neumann(given_, FIXED, terms)
    assert found == pytest.approx(expected, rel=1e4 * EPS, abs=1e4 * EPS * np.linalg.norm(w))
    assert neumann(given_, FIXED, 1) == pytest.approx(slopes * (FIXED - TARGET), rel=4 * EPS)


def test_one_power_for_the_state_and_one_for_the_jacobian() -> None:
    """At equal tolerances the error of the implicit gradient grows, and JFB's tends to 1."""
    rates_ = [0.9, 0.99]
    implicit_, jfb = [], []
    for rate in rates_:
        given_ = layer(rate)
        z = states(given_, 1e-6)[-1]
        implicit_.append(given_.error(implicit(given_, z, 1e-12)[0]))
        jfb.append(given_.error(neumann(given_, z, 1)))
    assert 10 < implicit_[1] / implicit_[0] < 100  # between 1/(1 − L) and its square
    assert 0.85 < jfb[0] < jfb[1] < 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rate": 1.0}, ValueError, "rate is 1.0; expected a number from 0.5 to 0.99"),
        ({"rate": 0.905}, ValueError, "rate is 0.905; expected a multiple of 0.01"),
        ({"forward_tol": 3e-4}, ValueError, "forward_tol is 0.0003; expected a power of ten"),
        ({"adjoint_tol": 1.0}, ValueError, "adjoint_tol is 1.0; expected a power of ten from"),
        ({"adjoint_tol": None}, TypeError, "adjoint_tol is None; expected a real number"),
        ({"terms": 0}, ValueError, "terms is 0; expected an integer from 1 to 40"),
        ({"unrolled": 201}, ValueError, "unrolled is 201; expected an integer from 1 to 200"),
    ],
)
def test_bad_input_is_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        gradient_tolerance(**arguments)
    assert message in str(caught.value)


def _states() -> list[dict[str, Any]]:
    keys = ("rate", "forward", "adjoint", "terms", "unrolled")
    chosen = [(0.9, -4, -8, 5, 20), (0.5, -1, -1, 1, 1), (0.99, -6, -12, 40, 200)]
    draw = random.Random(5)
    for _ in range(8):
        r, s = draw.randint(-12, -1), draw.randint(-10, -1)
        L = draw.randint(50, 97) / 100
        chosen.append((L, r, s, draw.randint(1, 40), draw.randint(1, 200)))
    return [dict(zip(keys, values, strict=True)) for values in chosen]


@pytest.mark.browser
def test_the_script_finds_the_same_errors(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    """To 1e-6 of themselves, above the rounding of 100 eps / (1 − L)²."""
    page = visit(gradient_tolerance())
    for state in _states():
        found = page.look(state)
        rows, chosen = _sweep(state)
        floor = 100 * EPS / (1 - state["rate"]) ** 2
        assert found["numbers"]["errors"] == pytest.approx(chosen, rel=1e-6, abs=floor), state
        for (here, errors), (there, others) in zip(rows, found["numbers"]["sweep"], strict=True):
            assert here == there
            assert others == pytest.approx(errors, rel=1e-6, abs=floor), state
        figure = gradient_tolerance(
            rate=state["rate"],
            forward_tol=10.0 ** state["forward"],
            adjoint_tol=10.0 ** state["adjoint"],
            terms=state["terms"],
            unrolled=state["unrolled"],
        )
        assert found["label"] == figure.alt, state
        if min(errors["unrolled"] for _, errors in rows) > 10 * floor:
            same_drawing(found["markup"], figure)


@pytest.mark.browser
def test_the_rates_of_the_second_picture_are_those_of_python(visit: Callable[..., Any]) -> None:
    page = visit(gradient_tolerance())
    for place, errors in page.numbers()["rates"]:
        given_ = layer(1 - 10.0**-place)
        z = states(given_, 1e-4)[-1]
        assert errors["implicit"] == pytest.approx(given_.error(implicit(given_, z, 1e-8)[0]), 1e-6)
        assert errors["jfb"] == pytest.approx(given_.error(neumann(given_, z, 1)), 1e-9)
        assert errors["bound"] == pytest.approx(given_.bound(1e-4, 1e-8), 1e-9)
    cosines, given_ = page.numbers()["cosines"], layer(0.9)
    z = states(given_, 1e-4)[-1]
    assert cosines["jfb"] == pytest.approx(given_.cosine(neumann(given_, z, 1)), 1e-9)
    assert cosines["unrolled"] == pytest.approx(given_.cosine(unrolled(given_, 20)), 1e-9)


@pytest.mark.browser
def test_the_keyboard_and_the_tolerance(visit: Callable[..., Any]) -> None:
    page = visit(gradient_tolerance())
    assert "implicit 9.8 × 10⁻⁴ (bound 9.4 × 10⁻³)" in page.verdict()
    page.slider("forward tol. r").press("ArrowLeft")
    assert page.slider("forward tol. r").get_attribute("aria-valuetext") == "10⁻⁵"
    assert "(bound 9.4 × 10⁻⁴)" in page.verdict()
    page.slider("contraction L").press("End")
    assert page.state()["rate"] == 0.99
    page.drag(9.2 / 11, 0)
    assert page.state()["forward"] == -3
    page.drag(-0.2, 0)
    assert page.state()["forward"] == -12
