"""Say to a student what is wrong, without a word of what is hidden.

Feedback names how many values agree, how far the first of the others is off, what the values have
in common with the expected ones (transposed, negated, scaled, shifted), and the known mistake that
gives exactly these values. It holds no expected value and no source of a hidden cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from deqlab.course.comparison import compare, numbers
from deqlab.course.following import CellEnd
from deqlab.course.values import Unsent, Value

WINDOW = 16  # characters of a hidden source that no message may repeat
MAX_TEXT = 200
CELL_FILE = re.compile(r"\(\S+\.py, (?=line \d+\))")  # IPython's name of a cell in a SyntaxError
Agree = Callable[[Value, Value], bool]

PATTERNS: tuple[tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray | None]], ...] = (
    ("the sign is the other way round", lambda got, want: -got),
    ("it is the transpose", lambda got, want: got.T if got.ndim == 2 else None),
    ("the order is reversed", lambda got, want: got[::-1] if got.ndim == 1 else None),
)


def describe(got: Value, want: Value, agree: Agree) -> str:
    """Say how a value differs from the expected one, without telling that one.

    Parameters
    ----------
    got, want : value
        As decoded, and measured where the question has a measure.
    agree : callable
        The question's comparison.

    Returns
    -------
    str
    """
    for place, one, other in _leaves(got, want):
        if not agree(one, other):
            return f"{place}{_difference(one, other)}"
    return "not what is expected"


def common_pattern(pairs: Iterable[tuple[Value, Value]], agree: Agree) -> str:
    """Return the one simple change that puts every differing pair right, empty if there is none.

    Parameters
    ----------
    pairs : iterable of (got, want)
    agree : callable

    Returns
    -------
    str
        E.g. ``"the sign is the other way round"``.
    """
    arrays = []
    for got, want in pairs:
        for _, one, other in _leaves(got, want):
            if agree(one, other):
                continue
            g, w = numbers(one), numbers(other)
            if g is None or w is None or g.dtype.kind == "b" or w.dtype.kind == "b":
                return ""
            arrays.append((g, w))
    if not arrays:
        return ""
    for text, change in PATTERNS:
        if all(_agrees(change(g, w), w, agree) for g, w in arrays):
            return text
    return _shift(arrays, agree) or _factor(arrays, agree)


def describe_end(end: CellEnd, hidden: str) -> str:
    """Say what an answer raised.

    Parameters
    ----------
    end : CellEnd
    hidden : str
        Source of the hidden cells; a message that repeats a piece of it is withheld.

    Returns
    -------
    str
    """
    text = " ".join(CELL_FILE.sub("(", end.evalue).split())[:MAX_TEXT]
    if repeats(text, hidden):
        text = "(message withheld)"
    advice = ""
    if end.ename == "NameError":
        advice = "; only what stands in the answer cells is run, so define it there"
    return f"{end.ename[:60]}: {text}{advice}"


def repeats(text: str, hidden: str) -> bool:
    """Return whether a text repeats a piece of a hidden source, white space left aside."""
    text, hidden = re.sub(r"\s+", "", text), re.sub(r"\s+", "", hidden)
    pieces = (text[i : i + WINDOW] for i in range(len(text) - WINDOW + 1))
    return any(piece in hidden for piece in pieces)


def _leaves(got: Value, want: Value, place: str = "") -> Iterator[tuple[str, Value, Value]]:
    """Yield the parts of two values that are compared as a whole."""
    if isinstance(want, Mapping) and isinstance(got, Mapping) and got.keys() == want.keys():
        for key in want:
            yield from _leaves(got[key], want[key], f"{place}{key!r} ")
    elif isinstance(want, list) and isinstance(got, list | tuple) and numbers(want) is None:
        if len(got) != len(want):
            yield place, got, want
            return
        for i, (one, other) in enumerate(zip(got, want, strict=True)):
            yield from _leaves(one, other, f"{place}[{i}] ")
    else:
        yield place, got, want


def _difference(got: Value, want: Value) -> str:
    if isinstance(got, Unsent):
        return f"is {got.reason}"
    if isinstance(want, Mapping):
        if isinstance(got, Mapping):
            return f"has the keys {sorted(got)}, expected are {sorted(want)}"
        return "is no dictionary"
    g, w = numbers(got), numbers(want)
    if w is None and isinstance(want, list):
        return f"is no list of {len(want)} items"
    if g is None or w is None:
        return "is not of the expected kind" if type(got) is not type(want) else "is another text"
    if g.shape != w.shape:
        return f"has the shape {g.shape}, expected is {w.shape}"
    if w.dtype.kind == "b" and w.size == 1:
        return f"should be {str(bool(w.item())).lower()}"  # a wrong answer tells as much
    if w.dtype.kind == "b":
        return f"is wrong in {np.count_nonzero(g != w)} of {w.size} truth values"
    return _deviation(g, w)


def _deviation(got: np.ndarray, want: np.ndarray) -> str:
    if not np.all(np.isfinite(got)) and np.all(np.isfinite(want)):
        return "holds numbers that are not finite"
    with np.errstate(all="ignore"):
        size = np.abs(want).max(initial=0.0)
        error = np.abs(got - want.astype(np.result_type(got, want, float))).max(initial=0.0)
    if not np.isfinite(error) or not np.isfinite(size):
        return "is finite where it should not be, or the other way round"
    return f"deviates by {error / size:.0e} of its size" if size else "should vanish"


def _agrees(changed: np.ndarray | None, want: np.ndarray, agree: Agree) -> bool:
    return changed is not None and agree(changed, want)


def _shift(arrays: list[tuple[np.ndarray, np.ndarray]], agree: Agree) -> str:
    if all(g.dtype.kind in "iu" and w.dtype.kind in "iu" for g, w in arrays):
        for step in (1, -1):
            if all(_agrees(g + step, w, agree) for g, w in arrays):
                return f"it is one too {'small' if step == 1 else 'large'}"
    if all(g.ndim and g.shape == w.shape and len(w) > 2 for g, w in arrays):
        if all(agree(g[1:], w[:-1]) for g, w in arrays):
            return "it comes one step late"
        if all(agree(g[:-1], w[1:]) for g, w in arrays):
            return "it comes one step early"
    return ""


def _factor(arrays: list[tuple[np.ndarray, np.ndarray]], agree: Agree) -> str:
    """Name a factor that all numbers of all values are off by, if it is a simple one."""
    sized = [(g, w) for g, w in arrays if w.size > 1 and g.shape == w.shape]
    if len(sized) < len(arrays) or not sized:
        return ""
    for factor in (2.0, 3.0, 4.0, 0.5, 1 / 3, 0.25):
        if all(_agrees(g / factor, w, agree) for g, w in arrays):
            number = f"{factor:g}" if factor >= 1 else f"1/{1 / factor:g}"
            return f"every number is {number} times the expected one"
    return ""


def agreement(rtol: float, atol: float) -> Agree:
    """Return the comparison of a question as a predicate."""

    def agree(got: Any, want: Any) -> bool:
        return compare(got, want, rtol=rtol, atol=atol).agrees

    return agree
