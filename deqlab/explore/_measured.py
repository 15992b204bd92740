"""Checks of measured data that an explorable is given."""

import math
from collections.abc import Sequence
from typing import Any


def listed(name: str, values: Any) -> list[Any]:
    """Return the elements of a sequence or an array."""
    values = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"{name} is {values!r}; expected a sequence of numbers")
    return list(values)


def rising(name: str, values: Any, *, least: int, counts: tuple[int, int]) -> list[int]:
    """Return strictly rising integers.

    Raises
    ------
    TypeError
        If the values are no sequence of integers.
    ValueError
        If they do not rise, or there are too few or too many.
    """
    marks = listed(name, values)
    for mark in marks:
        if isinstance(mark, bool) or not isinstance(mark, int):
            raise TypeError(f"{name} has the element {mark!r}; expected integers")
    if not counts[0] <= len(marks) <= counts[1]:
        raise ValueError(f"{name} has {len(marks)} elements; expected {counts[0]} to {counts[1]}")
    if marks != sorted(set(marks)) or marks[0] < least:
        raise ValueError(f"{name} is {marks}; expected rising integers of at least {least}")
    return marks


def reals(name: str, values: Any, *, counts: tuple[int, int], least: float) -> list[float]:
    """Return finite numbers of at least `least`, with five significant digits.

    Raises
    ------
    TypeError
        If the values are no sequence of real numbers.
    ValueError
        If one is out of range, or there are too few or too many.
    """
    given = listed(name, values)
    if not counts[0] <= len(given) <= counts[1]:
        expected = str(counts[0]) if counts[0] == counts[1] else f"{counts[0]} to {counts[1]}"
        raise ValueError(f"{name} has {len(given)} elements; expected {expected}")
    for value in given:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{name} has the element {value!r}; expected real numbers")
        if not least <= value < math.inf:
            raise ValueError(
                f"{name} has the element {value!r}; expected finite numbers of at least {least:g}"
            )
    return [float(f"{value:.5g}") for value in given]


def positives(name: str, values: Any, count: int) -> list[float]:
    """Return as many positive numbers, with five significant digits; errors as in `reals`."""
    return reals(name, values, counts=(count, count), least=1e-12)


def text(name: str, value: Any) -> str:
    """Return a short text that can stand in a picture.

    Raises
    ------
    TypeError
        If the value is no string.
    ValueError
        If it is empty, longer than 24 characters, or has a character of markup.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}; expected a string")
    if not 0 < len(value) <= 24 or set(value) & set("<>&"):
        raise ValueError(f"{name} is {value!r}; expected 1 to 24 characters, none of them < > &")
    return value
