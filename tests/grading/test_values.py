"""The encoding keeps every value it sends, and `decode` accepts nothing else."""

import base64
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from deqlab.course.values import DTYPES, MAX_BYTES, Unsent, decode, encode

DATA = base64.b64encode(np.zeros(2).tobytes()).decode()


@given(
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    )
)
def test_arrays_come_back_bit_for_bit(array):
    back = decode(encode(array))
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


NESTED = st.recursive(
    st.none() | st.text(max_size=8) | st.integers(-(2**63), 2**63 - 1),
    lambda inner: st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(NESTED)
def test_nested_values_come_back(value):
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (True, True),
        (3, 3),
        (1.5, 1.5),
        (Fraction(1, 4), 0.25),
        (sympy.Rational(1, 4), 0.25),
        (sympy.Float(0.25), 0.25),
        (np.float32(0.25), 0.25),
        (np.longdouble(0.25), 0.25),
        (torch.tensor(0.25, requires_grad=True), 0.25),
        (torch.tensor(0.25, dtype=torch.bfloat16), 0.25),
        (np.array(0.25, dtype=">f8"), 0.25),
        (1j, 1j),
    ],
)
def test_every_kind_of_number_is_sent(value, number):
    back = decode(encode(value))
    assert back.shape == ()
    assert back == number


def test_a_ragged_list_is_a_list():
    back = decode(encode([np.zeros(2), (1, 2, 3), "x"]))
    assert [getattr(item, "shape", item) for item in back] == [(2,), (3,), "x"]


class Evil:
    def __eq__(self, other):
        return True

    def __reduce__(self):
        return (exec, ("raise SystemExit",))


RECURSIVE: list = []
RECURSIVE.append(RECURSIVE)


@pytest.mark.parametrize(
    "value", [Evil(), [Evil()], np.array([Evil()]), 10**30, len, np.zeros(MAX_BYTES), RECURSIVE]
)
def test_what_has_no_encoding_is_named_not_sent(value):
    back = decode(encode(value))
    while isinstance(back, list):
        back = back[0]
    assert isinstance(back, Unsent)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        7,
        [],
        {},
        {"kind": "pickle", "data": "gASV"},
        {"kind": "array", "dtype": "|O", "shape": [2], "data": DATA},
        {"kind": "array", "dtype": "<f8", "shape": [3], "data": DATA},
        {"kind": "array", "dtype": "<f8", "shape": [-2], "data": DATA},
        {"kind": "array", "dtype": "<f8", "shape": [True, 2], "data": DATA},
        {"kind": "array", "dtype": "<f8", "shape": [2.0], "data": DATA},
        {"kind": "array", "dtype": "<f8", "shape": [1] * 40, "data": DATA},
        {"kind": "array", "dtype": "<f8", "shape": [2**62, 2**62], "data": DATA},
        {"kind": "array", "dtype": "<f8", "shape": [2], "data": "\N{SNOWMAN}"},
        {"kind": "array", "dtype": "<f8", "shape": [2], "data": None},
        {"kind": "text", "text": 3},
        {"kind": "text", "text": "x" * (MAX_BYTES + 1)},
        {"kind": "list", "items": {"0": None}},
        {"kind": "mapping", "items": [None]},
    ],
)
def test_decode_refuses_what_encode_does_not_write(payload):
    with pytest.raises(ValueError, match="encoded"):
        decode(payload)


def test_decode_refuses_depth():
    payload = {"kind": "none"}
    for _ in range(20):
        payload = {"kind": "list", "items": [payload]}
    with pytest.raises(ValueError, match="encoded"):
        decode(payload)
