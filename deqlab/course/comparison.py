"""Compare a value with the one that is wanted, and say where and by how much they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deqlab.course.values import Unsent, Value


@dataclass(frozen=True)
class Comparison:
    """Result of `compare`.

    Parameters
    ----------
    agrees : bool
        Whether every number is within tolerance and every shape and key is the wanted one.
    deviation : float
        Largest absolute deviation ``|got - want|``; ``inf`` where the forms differ.
    message : str
        One line, empty if the values agree exactly.
    """

    agrees: bool
    deviation: float
    message: str


def compare(got: Value, want: Value, *, rtol: float, atol: float) -> Comparison:
    """Compare ``got`` with ``want``: ``|got - want| <= atol + rtol |want|``, elementwise.

    Numbers, arrays, lists of numbers and tensors are compared by shape and value, whatever their
    precision. Integers and truth values must be equal. NaN agrees with NaN only.

    Parameters
    ----------
    got, want : None, str, array_like, list or dict
        As returned by `decode`, or plain Python and NumPy values.
    rtol, atol : float
        Relative and absolute tolerance.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> compare([1.0, 2.0], [1.0, 2.5], rtol=1e-6, atol=0.0).message
    'largest deviation 0.5 at [1]: got 2, want 2.5, allowed 2.5e-06'
    """
    if isinstance(got, Unsent):
        return _differs(f"got {got.reason}, want {_describe(want)}")
    if isinstance(want, dict):
        if not isinstance(got, dict) or got.keys() != want.keys():
            return _differs(f"got {_describe(got)}, want {_describe(want)}")
        return _worst(
            {f"[{key!r}]": compare(got[key], want[key], rtol=rtol, atol=atol) for key in want}
        )
    if want is None or isinstance(want, str):
        same = type(got) is type(want) and got == want
        return Comparison(True, 0.0, "") if same else _differs(f"got {got!r}, want {want!r}")
    wanted = numbers(want)
    if wanted is None:
        if not isinstance(got, (list, tuple)) or len(got) != len(want):
            return _differs(f"got {_describe(got)}, want {_describe(want)}")
        pairs = enumerate(zip(got, want, strict=True))
        return _worst({f"[{i}]": compare(g, w, rtol=rtol, atol=atol) for i, (g, w) in pairs})
    obtained = numbers(got)
    if obtained is None or obtained.shape != wanted.shape:
        return _differs(f"got {_describe(got)}, want {_describe(want)}")
    return _compare_numbers(obtained, wanted, rtol, atol)


def _compare_numbers(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> Comparison:
    exact = want.dtype.kind in "biu"
    if want.dtype.kind == "b" and got.dtype.kind == "f":
        return _differs("got numbers, want truth values")
    if not want.size:
        return Comparison(True, 0.0, "")
    wide = np.complex128 if "c" in got.dtype.kind + want.dtype.kind else np.float64
    g, w = got.astype(wide), want.astype(wide)
    with np.errstate(invalid="ignore", over="ignore"):
        deviation = np.abs(g - w)
        deviation = np.where(np.isnan(deviation), np.inf, deviation)
        deviation = np.where((g == w) | (np.isnan(g) & np.isnan(w)), 0.0, deviation)
        allowed = np.zeros(w.shape) if exact else atol + rtol * np.abs(w)
        allowed = np.where(np.isfinite(allowed), allowed, 0.0)
        excess = np.where(deviation > allowed, deviation, 0.0)
    excess = excess if np.any(excess) else deviation
    worst = np.unravel_index(int(np.argmax(excess)), want.shape)
    agrees = bool(np.all(deviation <= allowed))
    largest = float(deviation[worst])
    if largest == 0.0:
        return Comparison(agrees, 0.0, "")
    place = f" at [{', '.join(str(int(i)) for i in worst)}]" if want.ndim else ""
    return Comparison(
        agrees,
        largest,
        f"largest deviation {largest:.3g}{place}: got {_show(got[worst])}, "
        f"want {_show(want[worst])}, allowed {float(allowed[worst]):.3g}",
    )


def _show(number: np.generic) -> str:
    return str(number) if number.dtype.kind in "bc" else f"{number:.6g}"


def numbers(value: Value) -> np.ndarray | None:
    """Return a number, a list of numbers, an array or a tensor as an array, else None."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().double()
    if isinstance(value, (str, dict)) or value is None:
        return None
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "biufc" else None


def _describe(value: Value) -> str:
    array = numbers(value)
    if array is not None:
        return f"{array.dtype} {array.shape}" if array.ndim else f"one {array.dtype}"
    if isinstance(value, Unsent):
        return value.reason
    if isinstance(value, dict):
        return f"keys {sorted(value)}"
    if isinstance(value, (list, tuple)):
        return f"{len(value)} items"
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _differs(message: str) -> Comparison:
    return Comparison(False, float("inf"), message)


def _worst(parts: dict[str, Comparison]) -> Comparison:
    if not parts:
        return Comparison(True, 0.0, "")
    key, worst = max(parts.items(), key=lambda item: (not item[1].agrees, item[1].deviation))
    return Comparison(
        worst.agrees, worst.deviation, f"{key}: {worst.message}" if worst.message else ""
    )
