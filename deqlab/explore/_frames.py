"""A Matplotlib figure with a slider: every frame is drawn when the cell runs."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from deqlab.explore._explorable import Explorable, data_uri

Value = TypeVar("Value")
MAX_FRAMES = 60
MAX_BYTES = 1_000_000


def frames(
    draw: Callable[[Value], Any],
    values: Sequence[Value],
    *,
    label: str,
    alt: str | Callable[[Value], str],
    readout: str | Callable[[Value], str] = "{}",
    start: int = 0,
) -> Explorable:
    """Return a figure whose reader picks one of several values with a slider.

    Every frame is drawn now and stored as SVG, so that the figure needs no kernel. Figures are
    drawn with the current Matplotlib settings, saved at their own size, and closed.

    Parameters
    ----------
    draw : callable
        ``draw(value)`` returns a new `matplotlib.figure.Figure`. Fix the axis limits in it, or the
        scale jumps from frame to frame.
    values : sequence
        The values, in the slider's order; from 2 to 60 of them.
    label : str
        What the slider changes, for example "memory m".
    alt : str or callable
        The text alternative of a frame: a format string for the value, or a function of it.
    readout : str or callable
        How the value is written beside the slider: a format string, or a function of it.
    start : int
        Index of the frame shown first.

    Returns
    -------
    Explorable
        Its ``text/plain`` form states the number of frames and their size in kB.

    Raises
    ------
    TypeError
        If draw returns something other than a Matplotlib figure.
    ValueError
        If there are too few or too many values, start is no index of them, label is empty, two
        frames have the same text alternative, or the HTML is larger than 1 MB.

    Examples
    --------
    >>> frames(draw, [1, 2, 4], label="memory m", alt="Residual, memory {}")  # doctest: +SKIP
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.pyplot import close

    values = list(values)
    if not 2 <= len(values) <= MAX_FRAMES:
        raise ValueError(f"values has {len(values)} elements; expected 2 to {MAX_FRAMES}")
    if not 0 <= start < len(values):
        raise ValueError(f"start is {start}; expected an index of values, 0 to {len(values) - 1}")
    if not label.strip():
        raise ValueError(f"label is {label!r}; expected the name of what the slider changes")
    alts = [_phrase(alt, value) for value in values]
    if not all(alts) or len(set(alts)) < len(alts):
        raise ValueError(f"alt gives {alts!r}; expected a different text for every value")

    pictures = []
    for value in values:
        figure = draw(value)
        if not isinstance(figure, Figure):
            raise TypeError(
                f"draw({value!r}) returned a {type(figure).__name__}; "
                "expected a matplotlib Figure: end draw with `return fig`"
            )
        svg = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        with rc_context({"svg.hashsalt": "deqlab", "svg.fonttype": "path"}):
            figure.savefig(svg, format="svg", metadata=nothing)
        close(figure)
        pictures.append(_compact(svg.getvalue()))
    config = {
        "label": label,
        "state": {"frame": start},
        "frames": [
            {"src": data_uri(picture), "alt": text, "readout": _phrase(readout, value)}
            for picture, text, value in zip(pictures, alts, values, strict=True)
        ],
    }
    result = Explorable(
        kind="frames",
        scripts=("frames.js",),
        config=config,
        picture=pictures[start],
        alt=alts[start],
        caption=f"{label}: {_phrase(readout, values[start])}",
    )
    kilobytes = len(result._repr_html_().encode()) / 1000
    if 1000 * kilobytes > MAX_BYTES:
        raise ValueError(
            f"{len(values)} frames take {kilobytes:.0f} kB, more than {MAX_BYTES // 1000} kB; "
            "pass fewer values, plot fewer points, or rasterize dense artists (rasterized=True)"
        )
    description = f"{label}, {len(values)} frames ({kilobytes:.0f} kB). First: {alts[start]}"
    return replace(result, description=description)


def _compact(document: str) -> str:
    """Return the svg element alone, its paths rounded to a hundredth of a point."""
    element = " ".join(document[document.index("<svg") :].split())
    return re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), element)


def _phrase(pattern: Any, value: Any) -> str:
    return str(pattern(value) if callable(pattern) else pattern.format(value))
