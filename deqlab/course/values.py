"""The encoding in which values leave a kernel: JSON and raw numbers, never pickle, bounded in size.

``encode`` runs beside student code and may be replaced by anything; ``decode`` runs in the grader
and trusts nothing: it accepts a closed list of kinds and dtypes, and checks every length.
"""

from __future__ import annotations

import base64
import binascii
import json
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_BYTES = 1 << 20  # of one encoded value: 2^17 float64 numbers minus the base64 overhead
MAX_DEPTH = 8
MAX_TEXT = 4096
MAX_RANK = 32
DTYPES = ("|b1", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")

Value = Any  # None | str | ndarray | Unsent | list[Value] | dict[str, Value]


@dataclass(frozen=True)
class Unsent:
    """Stands for a value that has no encoding.

    Parameters
    ----------
    reason : str
        What the value was, for the report, e.g. ``"an object of type Foo"``.
    """

    reason: str


def encode(value: object) -> dict[str, Any]:
    """Encode a value as JSON-compatible data.

    Parameters
    ----------
    value : object
        ``None``, a string, a number, an array or a tensor, or a list, tuple or string-keyed
        dictionary of these. Anything else is sent as a description of its type, and so is a value
        of more than ``MAX_BYTES`` encoded bytes.

    Returns
    -------
    dict
        ``{"kind": ...}`` as understood by `decode`.

    Examples
    --------
    >>> encode(1.5)
    {'kind': 'array', 'dtype': '<f8', 'shape': [], 'data': 'AAAAAAAA+D8='}
    """
    payload = _encode(value, MAX_DEPTH)
    size = len(json.dumps(payload))
    if size > MAX_BYTES:
        return _unsent(f"a value of {size} encoded bytes (at most {MAX_BYTES} are sent)")
    return payload


def _encode(value: object, depth: int) -> dict[str, Any]:
    if depth == 0:
        return _unsent(f"a value nested more than {MAX_DEPTH} levels deep")
    if value is None:
        return {"kind": "none"}
    if isinstance(value, str):
        return {"kind": "text", "text": value[:MAX_TEXT]}
    if isinstance(value, dict):
        items = {str(key): _encode(item, depth - 1) for key, item in value.items()}
        return {"kind": "mapping", "items": items}
    array = _as_array(value)
    if array is not None and array.nbytes > MAX_BYTES:
        return _unsent(f"an array of {array.nbytes} bytes (at most {MAX_BYTES} are sent)")
    if array is not None:
        return {
            "kind": "array",
            "dtype": array.dtype.str,
            "shape": list(array.shape),
            "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii"),
        }
    if isinstance(value, (list, tuple)):
        return {"kind": "list", "items": [_encode(item, depth - 1) for item in value]}
    return _unsent(f"an object of type {type(value).__name__}")


def _unsent(reason: str) -> dict[str, Any]:
    return {"kind": "unsent", "reason": reason}


def _as_array(value: Any) -> np.ndarray | None:
    """Return the value as an array of one of the dtypes that are sent, or None."""
    if hasattr(value, "detach"):  # a torch tensor, without importing torch
        value = value.detach().cpu()
        value = value.double() if str(value.dtype) == "torch.bfloat16" else value
    elif isinstance(value, numbers.Real) and not isinstance(value, (int, float, np.generic)):
        value = float(value)  # Fraction, Decimal-like, a SymPy number
    try:
        array = np.asarray(value)
    except Exception:
        return None
    if array.dtype.kind in "iu" and array.dtype.itemsize < 8:
        array = array.astype(np.int64)
    elif array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    elif array.dtype.kind == "c" and array.dtype.itemsize > 16:
        array = array.astype(np.complex128)
    little = array.dtype.newbyteorder("<")
    return array.astype(little) if little.str in DTYPES else None


def decode(payload: object) -> Value:
    """Decode what `encode` wrote, trusting nothing.

    Parameters
    ----------
    payload : object
        Parsed JSON from a kernel.

    Returns
    -------
    None, str, ndarray, Unsent, list or dict
        Arrays are read-only.

    Raises
    ------
    ValueError
        If the payload is not an encoding: unknown kind or dtype, a length that does not match the
        shape, too large or too deep.
    """
    try:
        size = len(json.dumps(payload))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not an encoded value: {type(error).__name__}") from None
    if size > MAX_BYTES:
        raise ValueError(f"an encoded value of {size} bytes; at most {MAX_BYTES} are read")
    return _decode(payload, MAX_DEPTH + 1)  # the last level may be an Unsent


def _decode(payload: Any, depth: int) -> Value:
    if depth == 0 or not isinstance(payload, dict):
        raise ValueError("not an encoded value")
    match payload:
        case {"kind": "none"}:
            return None
        case {"kind": "text", "text": str(text)}:
            return text
        case {"kind": "unsent", "reason": str(reason)}:
            return Unsent(reason[:MAX_TEXT])
        case {"kind": "list", "items": list(items)}:
            return [_decode(item, depth - 1) for item in items]
        case {"kind": "mapping", "items": dict(items)}:
            return {str(key): _decode(item, depth - 1) for key, item in items.items()}
        case {"kind": "array", "dtype": str(dtype), "shape": list(shape), "data": str(data)}:
            return _decode_array(dtype, shape, data)
    raise ValueError(f"an encoded value of unknown form (kind {str(payload.get('kind'))[:40]!r})")


def _decode_array(dtype: str, shape: list[Any], data: str) -> np.ndarray:
    if dtype not in DTYPES:
        raise ValueError(f"an encoded array of dtype {dtype[:20]!r}; expected one of {DTYPES}")
    if len(shape) > MAX_RANK or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"an encoded array of shape {str(shape)[:60]}")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("an encoded array whose data is not base64") from None
    expected = np.dtype(dtype).itemsize
    for n in shape:
        expected *= n
    if len(raw) != expected:
        raise ValueError(f"an encoded array of {len(raw)} bytes; its shape needs {expected}")
    return np.frombuffer(raw, dtype=dtype).reshape(shape)
