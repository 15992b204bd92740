"""`compare` agrees with NumPy's `isclose` where both apply, and keeps other forms apart."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deqlab.course.comparison import compare
from deqlab.course.values import Unsent

FLOATS = st.floats(width=64, allow_nan=True, allow_infinity=True)


@given(arrays(float, 4, elements=FLOATS), arrays(float, 4, elements=FLOATS))
def test_agrees_with_isclose(got, want):
    with np.errstate(all="ignore"):
        expected = np.isclose(got, want, rtol=1e-3, atol=1e-6, equal_nan=True).all()
    assert compare(got, want, rtol=1e-3, atol=1e-6).agrees == expected


@given(arrays(float, 4, elements=st.floats(-1e6, 1e6)), st.integers(0, 3))
def test_the_largest_deviation_is_named(want, place):
    got = want.copy()
    got[place] += 3.0
    verdict = compare(got, want, rtol=0.0, atol=1e-3)
    assert not verdict.agrees
    assert verdict.deviation == pytest.approx(3.0, abs=1e-9)
    assert f"at [{place}]" in verdict.message


@pytest.mark.parametrize(
    "got",
    [
        [1.0, 2.0],
        (1, 2),
        np.array([1.0, 2.0], dtype=np.float32),
        torch.tensor([1.0, 2.0]),
        np.array([1.0 + 0j, 2.0]),
    ],
)
def test_the_container_and_precision_do_not_matter(got):
    assert compare(got, np.array([1.0, 2.0]), rtol=1e-6, atol=0.0).agrees


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (None, 1.0),
        ("1.0", 1.0),
        ([1.0], 1.0),
        ([[1.0, 2.0]], [1.0, 2.0]),
        ([1.0, 2.0, 3.0], [1.0, 2.0]),
        ({"a": 1.0}, 1.0),
        ({"a": 1.0}, {"b": 1.0}),
        ({"a": 1.0, "b": 1.0}, {"a": 1.0}),
        (Unsent("an object of type Evil"), 1.0),
        (1.0, None),
        (1.0, "1.0"),
        ([1.0, [2.0]], [1.0, [2.0, 3.0]]),
        (1.0, [1.0, [2.0, 3.0]]),
        (float("nan"), 1.0),
        (float("inf"), 1.0),
        (1.0, float("inf")),
        (0.5, True),
        (2, True),
        (4, 3),
        (3.0000001, 3),
    ],
)
def test_another_form_or_number_differs(got, want):
    verdict = compare(got, want, rtol=1e-6, atol=0.0)
    assert not verdict.agrees
    assert verdict.message


@pytest.mark.parametrize(
    ("got", "want"),
    [(3.0, 3), (1, True), (np.True_, True), (None, None), ("a", "a"), ([], []), ({}, {})],
)
def test_equal_values_agree(got, want):
    assert compare(got, want, rtol=1e-6, atol=0.0).agrees


def test_an_object_that_equals_everything_does_not_agree():
    class Evil:
        def __eq__(self, other):
            return True

        def __sub__(self, other):
            return 0.0

    assert not compare(Evil(), 1.0, rtol=1e-6, atol=0.0).agrees
    assert not compare(Evil(), "a", rtol=1e-6, atol=0.0).agrees
