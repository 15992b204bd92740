"""The explorable *cobweb*: the orbit of a scalar map as a staircase or a spiral.

The picture is drawn here for the page without scripts and by ``cobweb.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

import math
from itertools import pairwise
from typing import Any

from deqlab.explore._arguments import on_slider, one_of, whole
from deqlab.explore._drawing import (
    along,
    around,
    axes,
    circle,
    disc,
    label,
    line,
    number,
    picture,
)
from deqlab.explore._explorable import Explorable
from deqlab.explore._orbits import MAPS, FixedPoint, Map, judge, orbit

SIZE, LEFT, TOP, SIDE = 400, 46, 10, 344  # the picture and, inside it, the square that is plotted
ENDS_FIRST = [k for j in range(5, 60, 5) for k in (120 - j, j)]
MAX_STEPS = 60


def cobweb(
    map: str = "cos",  # noqa: A002
    *,
    a: float | None = None,
    b: float | None = None,
    start: float | None = None,
    steps: int = 20,
) -> Explorable:
    """Return the cobweb diagram of a scalar map as an interactive figure.

    The figure shows the curve y = f(z), the diagonal y = z and the orbit z_{k+1} = f(z_k) between
    them; the fixed points in view, filled where |f'(z*)| < 1 and hollow where |f'(z*)| > 1; what
    becomes of the orbit, in words, judged from 10 000 steps; and the length of every step on a
    logarithmic scale. The reader chooses the map, its parameters, the start and the number of
    steps.

    Parameters
    ----------
    map : {"affine", "cos", "tanh", "babylonian", "logistic"}
        The map shown first: a z + b, cos(a z), tanh(a z + b), (z + a/z)/2 or a z (1 - z).
    a, b : float, optional
        Parameters of the map, on the grid of multiples of 0.01 that the sliders offer. Only
        "affine" and "tanh" have b. Each map has a default.
    start : float, optional
        The initial point z_0, a multiple of 0.01 in the window of the map.
    steps : int
        Number of steps drawn, from 1 to 60.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError
        If a number is not a real number, or steps is not an integer.
    ValueError
        If the map is unknown, or a number is out of its slider's range or between its marks.

    Examples
    --------
    >>> cobweb("tanh", a=0.5, start=1).caption.split(": ")[1].split(" (")[0]
    'converges to 0.0000'
    """
    one_of("map", map, MAPS)
    chosen = MAPS[map]
    if b is not None and chosen.b is None:
        raise ValueError(f"b is {b!r}, but the map {map!r}, f(z) = {chosen.formula}, has no b")
    default_a, default_b, default_start = chosen.default
    state: dict[str, Any] = {
        "map": map,
        "a": on_slider("a", default_a if a is None else a, chosen.a),
        "b": on_slider("b", default_b if b is None else b, chosen.b or (0, 0)),
        "start": on_slider("start", default_start if start is None else start, chosen.window),
        "steps": whole("steps", steps, (1, MAX_STEPS)),
    }
    scene, verdict = _draw(chosen, state)
    alt = f"Cobweb diagram of {_describe(chosen, state)}: {verdict}."
    caption = f"From z₀ = {number(state['start'], 2)}: {verdict}."
    config = {"state": state, "maxSteps": MAX_STEPS, "maps": {k: _spec(m) for k, m in MAPS.items()}}
    return Explorable(
        kind="cobweb",
        scripts=("drawing.js", "orbits.js", "cobweb.js"),
        config=config,
        picture=picture(SIZE, SIZE, scene),
        alt=alt,
        caption=caption,
    )


def _describe(chosen: Map, state: dict[str, Any]) -> str:
    """Return the map, its parameters, the start and the steps in words."""
    b = f", b = {number(state['b'], 2)}" if chosen.b else ""
    return (
        f"f(z) = {chosen.formula}, a = {number(state['a'], 2)}{b}, "
        f"from z₀ = {number(state['start'], 2)}, {state['steps']} steps"
    )


def _spec(m: Map) -> dict[str, Any]:
    return {
        "formula": m.formula,
        "window": m.window,
        "tick": m.tick,
        "a": m.a,
        "aName": m.a_name,
        "b": m.b,
        "default": m.default,
    }


def _draw(chosen: Map, state: dict[str, Any]) -> tuple[str, str]:
    """Return what the picture shows and the verdict."""
    a, b, start = state["a"], state["b"], state["start"]
    low, high = chosen.window
    span = high - low

    def f(z: float) -> float:
        return chosen.f(z, a, b)

    def x(z: float) -> float:
        return (min(max(z, low - span), high + span) - low) / span * SIDE

    def y(z: float) -> float:
        return SIDE - x(z)

    fixed = [FixedPoint(z, chosen.derivative(z, a, b)) for z in chosen.fixed_points(a, b)]
    fixed_in_view = [point for point in fixed if low <= point.z <= high]
    points = [z for z in orbit(f, start, state["steps"]) if math.isfinite(z)]
    curve = [(k * SIDE / 120, y(f(low + span * k / 120))) for k in range(121)]
    corners = [(x(start), float(SIDE))]
    for z, image in pairwise(points):
        corners += [(x(z), y(image)), (x(image), y(image))]

    grid, ticks = axes(chosen.window, chosen.tick, LEFT, TOP, SIDE)
    path = ""
    for k, (left, height) in enumerate(curve):
        joined = k and abs(height - curve[k - 1][1]) < SIDE  # not across a pole
        path += f"{'L' if joined else 'M'}{left:.1f},{height:.1f}"
    discs = "".join(disc(point.kind, x(point.z), y(point.z)) for point in fixed_in_view)
    frame = (SIDE, SIDE)

    taken = curve + along([(0, SIDE), (SIDE, 0)]) + along(corners)
    labels = label(
        "red", "z₀", taken, [(x(start) + 13, SIDE - 9), (x(start) - 31, SIDE - 9)], frame
    )
    for point in fixed_in_view:
        taken += [(x(point.z), y(point.z))] * 20
    for point in fixed_in_view:
        text = f"f\u200a′ = {number(point.slope, 2)}"
        labels += label("green", text, taken, around(x(point.z), y(point.z), 8 * len(text)), frame)
    for colour, text, shape in (
        ("blue", "y = f(z)", curve),
        ("minor", "y = z", [(left, SIDE - left) for left, _ in curve]),
    ):
        spots = [spot for k in ENDS_FIRST for spot in around(*shape[k], 8 * len(text))[:8]]
        labels += label(colour, text, taken, spots, frame)
    scene = (
        f'{ticks}<svg x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" overflow="hidden">'
        f'<path class="dx-grid" d="{grid}"/><path class="dx-diagonal" d="M0,{SIDE}L{SIDE},0"/>'
        f'<path class="dx-curve" d="{path}"/><path class="dx-orbit" d="{line(corners)}"/>'
        f"{circle('dot', *corners[-1], 4.5)}{discs}{labels}</svg>"
        f'<rect class="dx-frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
        f"{circle('grip', LEFT + x(start), TOP + SIDE, 8)}"
    )
    return scene, judge(f, start, fixed).text
