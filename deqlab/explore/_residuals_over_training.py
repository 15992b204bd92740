"""The explorable *residuals over training*: what the solver does while the weights move.

The picture is drawn here for the page without scripts and by ``residuals_over_training.js`` for the
reader's moves, with the same geometry; a test compares the two.
"""

import math
from collections.abc import Sequence
from typing import Any

from deqlab.explore._arguments import one_of, real
from deqlab.explore._drawing import circle, line, number, picture, size, text_at
from deqlab.explore._explorable import Explorable
from deqlab.explore._measured import reals, rising
from deqlab.explore._plots import log_axes

SIZE, LEFT, TOP, WIDTH, HEIGHT = 400, 50, 32, 332, 324  # the picture and the plot inside it
FLOOR = 1e-16  # smaller residuals are drawn there


def residuals_over_training(
    curves: Sequence[Sequence[float]],
    *,
    steps: Sequence[int],
    tolerance: float,
    radii: Sequence[float] | None = None,
    start: int | None = None,
) -> Explorable:
    """Return the residual curves of a solver over a training run as an interactive figure.

    A slider moves through the training. The residual of the present solve stands out against those
    of all others; beside it are the solver's steps to the tolerance and, where given, the spectral
    radius, each over the whole training.

    Parameters
    ----------
    curves : sequence of sequence of float
        curves[t][k] is the relative residual after k steps of the solver, for the weights after
        steps[t] steps of training: at least 0, and finite; 2 to 201 values, of any number each.
    steps : sequence of int
        Steps of training, rising; 2 to 60.
    tolerance : float
        From 1e-15 to 1: where the solver is done.
    radii : sequence of float, optional
        ρ(J) at the solutions, for the same weights.
    start : int, optional
        One of `steps`, where the reader starts. Default: the last.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError, ValueError
        If a number is none or out of range, or lengths differ.

    Examples
    --------
    >>> curves = [[1.0, 0.1, 0.001], [1.0, 0.5, 0.25]]
    >>> figure = residuals_over_training(curves, steps=[0, 100], tolerance=0.01, radii=[0.1, 0.5])
    >>> figure.caption
    'After 100 steps of training: not within 2 steps of the solver; ρ(J) = 0.50.'
    """
    marks = rising("steps", steps, least=0, counts=(2, 60))
    if len(curves) != len(marks):
        raise ValueError(f"curves has {len(curves)} elements; expected one for each of steps")
    rows = [
        reals(f"curves[{t}]", curve, counts=(2, 201), least=0.0) for t, curve in enumerate(curves)
    ]
    level = real("tolerance", tolerance, (1e-15, 1))
    count = (len(marks), len(marks))
    measured = None if radii is None else reals("radii", radii, counts=count, least=0.0)
    one_of("start", marks[-1] if start is None else start, marks)
    config = {
        "state": {"time": len(marks) - 1 if start is None else marks.index(start)},
        "steps": marks,
        "curves": rows,
        "tolerance": level,
        "radii": measured,
    }
    verdict = _judge(config)
    return Explorable(
        kind="residuals-over-training",
        scripts=("drawing.js", "residuals_over_training.js"),
        config=config,
        picture=picture(SIZE, SIZE, _draw(config)),
        alt=f"Relative residual against steps of the solver, on a logarithmic scale; {verdict}.",
        caption=f"{verdict[0].upper()}{verdict[1:]}.",
    )


def needed(curve: list[float], tolerance: float) -> int | None:
    """Return the solver's steps to the tolerance, or None."""
    return next((k for k, value in enumerate(curve) if value <= tolerance), None)


def _judge(config: dict[str, Any]) -> str:
    """Return what the solver needs at the present time of the training."""
    t = config["state"]["time"]
    curve, radii = config["curves"][t], config["radii"]
    count = needed(curve, config["tolerance"])
    when = f"after {number(config['steps'][t], 0)} steps of training"
    what = f"not within {len(curve) - 1} steps of the solver"
    if count is not None:
        what = f"{count} steps of the solver to {size(config['tolerance'])}"
    return f"{when}: {what}" + ("" if radii is None else f"; ρ(J) = {number(radii[t], 2)}")


def _draw(config: dict[str, Any]) -> str:
    """Return what the picture shows."""
    curves, t, level = config["curves"], config["state"]["time"], config["tolerance"]
    values = [value for curve in curves for value in curve if value > 0] + [level]
    low = math.floor(math.log10(max(min(values), FLOOR)))
    high = max(math.ceil(math.log10(max(values))), low + 1)
    last = max(len(curve) for curve in curves) - 1
    every = math.ceil((high - low) / 6)
    plot = (0.0, 0.0, float(WIDTH), float(HEIGHT))
    x, y, axes = log_axes(plot, (low, high), every, (0, last), "steps of the solver")
    lines = [[(x(k), y(value)) for k, value in enumerate(curve)] for curve in curves]
    faint = "".join(line(points) for points in lines)
    count = needed(curves[t], level)
    dot = "" if count is None else circle("dot", lines[t][count][0], lines[t][count][1], 6)
    return (
        f"{text_at('minor', LEFT, 20, 'relative residual; the other times faint')}"
        f'<g transform="translate({LEFT},{TOP})">{axes}'
        f'<path class="dx-axis dx-faint" d="{faint}"/>'
        f'<path class="dx-lower dx-dashed" d="M0,{y(level):.1f}H{WIDTH}"/>'
        f'<path class="dx-orbit" d="{line(lines[t])}"/>{dot}'
        f"{text_at('green', WIDTH - 4, y(level) - 6, 'tolerance', 'end')}"
        f'<rect class="dx-frame" x="0" y="0" width="{WIDTH}" height="{HEIGHT}"/></g>'
    )
