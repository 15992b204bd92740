"""*Memory and depth*: the costs that were handed in, in words and in place."""

import math
import random
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deqlab.explore import Explorable, memory_depth

DEPTHS = [4, 8, 16, 32, 64, 128, 256]
COSTS = {
    "unrolled": [0.2 + 0.05 * depth for depth in DEPTHS],
    "checkpoints": [0.2 + 0.4 * math.sqrt(depth) for depth in DEPTHS],
    "truncated, k = 5": [0.45] * 7,
    "one step": [0.2] * 7,
    "implicit, GMRES": [0.9] * 7,
    "implicit, Neumann": [0.35] * 7,
}
SECONDS = {name: [1e-4 * depth for depth in DEPTHS] for name in COSTS}


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=8),
    st.lists(st.integers(1, 10**6), min_size=2, max_size=5, unique=True).map(sorted),
)
def test_the_costs_are_listed_from_the_least(values: list[float], depths: list[int]) -> None:
    costs = {f"gradient {j}": [value] * len(depths) for j, value in enumerate(values)}
    caption = memory_depth(depths, costs).caption
    order = [int(j) for j in re.findall(r"gradient (\d)", caption)]
    assert sorted(order) == list(range(len(values)))
    listed = [values[j] for j in order]
    assert all(p <= q * (1 + 1e-4) for p, q in pairwise(listed))


def test_a_marked_point_lies_where_its_logarithms_are() -> None:
    picture = memory_depth([1, 10, 100], {"a": [1.0, 10.0, 100.0]}, depth=10).picture
    assert '<circle class="dx-red" cx="166.0" cy="162.0" r="6"/>' in picture  # half of 332, 324


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([4], {"a": [1]}), ValueError, "depths has 1 elements; expected 2 to 40"),
        (([4, 4], {"a": [1, 1]}), ValueError, "expected rising integers of at least 1"),
        (([0, 4], {"a": [1, 1]}), ValueError, "expected rising integers of at least 1"),
        (([4, 8.5], {"a": [1, 1]}), TypeError, "depths has the element 8.5; expected integers"),
        (("48", {"a": [1, 1]}), TypeError, "depths is '48'; expected a sequence"),
        (([4, 8], {}), ValueError, "memory has 0 gradients; expected 1 to 8"),
        (([4, 8], {"a": [1]}), ValueError, "memory['a'] has 1 elements; expected 2"),
        (([4, 8], {"a": [1, 0]}), ValueError, "memory['a'] has the element 0; expected finite"),
        (([4, 8], {"a": [1, math.inf]}), ValueError, "has the element inf"),
        (([4, 8], {"a": [1, None]}), TypeError, "has the element None"),
        (([4, 8], {"<b>": [1, 1]}), ValueError, "none of them < > &"),
        (([4, 8], {3: [1, 1]}), TypeError, "memory is 3; expected a string"),
    ],
)
def test_bad_data_is_named(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        memory_depth(*arguments)
    assert message in str(caught.value)


def test_options_that_were_not_measured_are_refused() -> None:
    with pytest.raises(ValueError, match="depth is 5; choose one of 4, 8"):
        memory_depth(DEPTHS, COSTS, depth=5)
    with pytest.raises(ValueError, match="highlight is 'exact'; choose one of all, unrolled"):
        memory_depth(DEPTHS, COSTS, highlight="exact")
    with pytest.raises(ValueError, match="expected those of memory"):
        memory_depth(DEPTHS, COSTS, time={"unrolled": [1.0] * 7})


@pytest.mark.browser
def test_the_script_says_and_draws_what_python_does(
    visit: Callable[..., Any], same_drawing: Callable[[str, Explorable], None]
) -> None:
    page, draw = visit(memory_depth(DEPTHS, COSTS)), random.Random(3)
    for _ in range(12):
        depth, highlight = draw.choice(DEPTHS), draw.choice(["all", *COSTS])
        figure = memory_depth(DEPTHS, COSTS, depth=depth, highlight=highlight)
        found = page.look(figure.config["state"])
        assert found["label"] == figure.alt
        expected = [COSTS[name][DEPTHS.index(depth)] for name in COSTS]
        assert found["numbers"]["values"] == pytest.approx(expected, rel=1e-4)
        growth = [COSTS[name][DEPTHS.index(depth)] / COSTS[name][0] for name in COSTS]
        assert found["numbers"]["growth"] == pytest.approx(growth, rel=1e-4)
        same_drawing(found["markup"], figure)


@pytest.mark.browser
def test_dragging_keys_and_choices(visit: Callable[..., Any]) -> None:
    page = visit(memory_depth(DEPTHS, COSTS, time=SECONDS), memory_depth(DEPTHS, COSTS))
    page.slider("depth").press("Home")
    assert "memory in MiB at depth 4: one step 0.200; " in page.verdict()
    page.drag(0.49, 0.5)
    assert page.state()["depth"] == 3  # of 4, ..., 256 the one in the middle is 32
    page.root().get_by_role("combobox", name="show").select_option("time")
    assert "time in seconds at depth 32: " in page.verdict()
    page.root().get_by_role("combobox", name="gradient").select_option("unrolled")
    assert page.root().locator("svg .dx-faint").count() == 5
    assert page.root(1).get_by_role("combobox", name="show").count() == 0
