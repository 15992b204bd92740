"""Arrays of either kind: NumPy or torch in, the same kind out; torch is never imported here."""

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

Array = Any
"""A NumPy array or a torch tensor; results are of the kind, dtype and device of the arguments."""


def float_array(value: Any, name: str, like: Array | None = None) -> Array:
    """Return `value` as a real floating-point array, as float64 where it holds integers.

    With `like`, Python numbers and sequences become arrays of its kind, dtype and device, and an
    array of another kind or dtype is an error: a silent conversion would change the iteration.
    """
    if isinstance(value, int | float) or not array_api_compat.is_array_api_obj(value):
        try:
            regular = np.asarray(value)
        except ValueError as error:
            raise TypeError(f"{name} has rows of unequal length: {value!r}") from error
        if regular.dtype.kind not in "biuf":
            raise TypeError(f"{name} must hold real numbers; got {value!r}")
        value = regular.astype(np.float64)
        if like is None:
            return value
        device = array_api_compat.device(like)
        return array_api_compat.array_namespace(like).asarray(
            value, dtype=like.dtype, device=device
        )
    xp = array_api_compat.array_namespace(value)
    if xp.isdtype(value.dtype, ("bool", "integral")):
        value = xp.astype(value, xp.float64)
    if not xp.isdtype(value.dtype, "real floating") or xp.finfo(value.dtype).bits > 64:
        raise TypeError(
            f"{name} has dtype {value.dtype}; expected real floating point of at most 64 bits"
        )
    if like is not None and (
        array_api_compat.array_namespace(like) is not xp or like.dtype != value.dtype
    ):
        raise TypeError(
            f"{name} is {_kind(value)}, expected {_kind(like)}: convert one of the two explicitly"
        )
    return value


def host(x: Array | float) -> NDArray[np.float64]:
    """Return `x` as a detached float64 NumPy array, for norms and certificates."""
    if array_api_compat.is_torch_array(x):
        x = x.detach().cpu().double()  # type: ignore[union-attr]
    return np.asarray(x, dtype=np.float64)


def machine_eps(like: Array | None) -> float:
    """Machine epsilon of the dtype of `like`; of float64 where only Python numbers are known."""
    if like is None:
        return float(np.finfo(np.float64).eps)
    return float(array_api_compat.array_namespace(like).finfo(like.dtype).eps)


def vector_norm(x: NDArray[np.float64], ord: float, batch_dims: int) -> NDArray[np.float64]:  # noqa: A002
    """p-norm over all axes after the first `batch_dims`, without overflow or underflow.

    The entries are scaled by a power of two, so that scaling `x` by one scales the result exactly.
    """
    rows: NDArray[np.float64] = np.abs(x.reshape(*x.shape[:batch_dims], -1))
    largest: NDArray[np.float64] = np.max(rows, axis=-1, initial=0.0)
    if ord == np.inf:
        return largest
    _, exponent = np.frexp(np.where(np.isfinite(largest), largest, 0.0))
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.ldexp(rows, -exponent[..., None])
        total = np.sum(scaled, axis=-1) if ord == 1 else np.sqrt(np.sum(scaled**2, axis=-1))
        norm: NDArray[np.float64] = np.ldexp(total, exponent)
        return norm


def check_ord(ord: float) -> None:  # noqa: A002
    if ord not in (1, 2, np.inf):
        raise ValueError(f"ord must be 1, 2 or numpy.inf (the vector p-norm); got {ord!r}")


def _kind(x: Array) -> str:
    return f"a {'torch' if array_api_compat.is_torch_array(x) else 'NumPy'} array of {x.dtype}"
