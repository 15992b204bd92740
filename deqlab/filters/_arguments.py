"""Checks that every filter shares; an error names the argument, what it is and what is expected."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


def finite_array(value: Any, name: str, ndim: tuple[int, ...]) -> Floats:
    """`value` as a float64 array with one of the given numbers of axes, finite and not empty."""
    try:
        x = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} has rows of unequal length: {value!r}") from error
    if x.dtype.kind not in "biuf":
        remedy = "; write a complex pair as a real 2 x 2 block" if x.dtype.kind == "c" else ""
        raise TypeError(f"{name} must hold real numbers; got dtype {x.dtype}{remedy}")
    if x.ndim not in ndim:
        axes = " or ".join(map(str, ndim))
        raise ValueError(f"{name} has shape {x.shape}; expected {axes} axes")
    if not x.size:
        raise ValueError(f"{name} is empty, shape {x.shape}: give at least one coefficient")
    x = x.astype(np.float64)
    if not np.all(np.isfinite(x)):
        raise ValueError(f"{name} has entries that are inf or nan; all must be finite")
    return x


def check_count(value: Any, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}")
    return int(value)


def frequencies(w: Any) -> Floats:
    """Angular frequencies in rad/sample, finite."""
    return finite_array(w, "w", ndim=(0, 1, 2, 3))


def input_matrix(u: Any, inputs: tuple[int, ...]) -> Floats:
    """The input signal as (T, m), for the input axes () or (m,)."""
    signal = finite_array(u, "u", ndim=(1 + len(inputs),))
    if signal.shape[1:] != inputs:
        raise ValueError(
            f"u has shape {signal.shape}; a filter with {inputs[0]} inputs needs (T, {inputs[0]})"
        )
    return signal.reshape(len(signal), -1)
