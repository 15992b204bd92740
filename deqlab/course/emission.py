"""What a scored cell uses: inputs from the run's seed, and the one way out for a value."""

from __future__ import annotations

import os
import zlib

import numpy as np

from deqlab.course.values import decode, encode
from deqlab.course.variables import SEED_VARIABLE

VALUE_MIME = "application/vnd.deqlab.value+json"


def scored_rng(grade_id: str) -> np.random.Generator:
    """Return the generator from which a scored cell draws its inputs.

    Parameters
    ----------
    grade_id : str
        The question. Two questions of one run draw independent inputs.

    Returns
    -------
    numpy.random.Generator
        Seeded with the run's seed (0 outside a graded run) and the question.
    """
    seed = int(os.environ.get(SEED_VARIABLE, "0"))
    return np.random.default_rng([seed, zlib.crc32(grade_id.encode())])


def emit(name: str, value: object) -> None:
    """Send a value to the grader; outside a graded run, say only what would be sent.

    Parameters
    ----------
    name : str
        Unique within the scored cell.
    value : object
        Whatever `deqlab.course.values.encode` can encode; anything else is sent as the name of its
        type, which the grader reports.
    """
    payload = encode(value)
    summary = f"emit {name}: {_summary(payload)}"
    try:
        from IPython import get_ipython
        from IPython.display import display

        shell = get_ipython()
    except ImportError:
        shell = None
    if shell is None:
        print(summary)
        return
    data: dict[str, object] = {"text/plain": summary}
    if SEED_VARIABLE in os.environ:
        data[VALUE_MIME] = {"name": name, "value": payload}
    display(data, raw=True)


def _summary(payload: dict[str, object]) -> str:
    value = decode(payload)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}" if value.ndim else str(value.dtype)
    return str(payload["kind"])
