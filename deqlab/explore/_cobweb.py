"""The explorable *cobweb*: the orbit of a scalar map as a staircase or a spiral.

The picture is drawn here for the page without scripts and by ``cobweb.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

import math
from collections.abc import Callable
from typing import Any

from deqlab.explore._explorable import Explorable
from deqlab.explore._orbits import MAPS, FixedPoint, Map, judge, number, orbit

SIZE, LEFT, TOP, SIDE = 400, 46, 10, 344  # the picture and, inside it, the square that is plotted
MAX_STEPS = 60

STYLE = """
text{font:14px "DejaVu Sans",Verdana,sans-serif}
.dx-paper{fill:#fff}.dx-grid{stroke:#e3e6ea;fill:none}.dx-frame{stroke:#5b6570;fill:none}
.dx-diagonal{stroke:#5b6570;stroke-width:1.5;fill:none}
.dx-curve{stroke:#0072b2;stroke-width:3;fill:none}
.dx-orbit{stroke:#c04a00;stroke-width:1.8;fill:none;stroke-linejoin:round}
.dx-dot,.dx-grip,.dx-red{fill:#c04a00}.dx-touch{fill:none}
.dx-attracting,.dx-core,.dx-green{fill:#00724f}.dx-repelling,.dx-marginal{fill:#fff}
.dx-attracting,.dx-repelling,.dx-marginal{stroke:#00724f;stroke-width:2.5}
.dx-halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.dx-minor{fill:#5b6570}.dx-blue{fill:#0072b2}
"""


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
    >>> cobweb("cos")
    Cobweb diagram of f(z) = cos(a z), a = 1.00, from z₀ = −1.20, 20 steps: converges to 0.7391 (|f′(z*)| = 0.674), alternating from side to side.
    """  # noqa: E501
    if map not in MAPS:
        raise ValueError(f"map is {map!r}; choose one of {', '.join(MAPS)}")
    chosen = MAPS[map]
    if b is not None and chosen.b is None:
        raise ValueError(f"b is {b!r}, but the map {map!r}, f(z) = {chosen.formula}, has no b")
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise TypeError(f"steps is {steps!r}; expected an integer from 1 to {MAX_STEPS}")
    if not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"steps is {steps}; expected an integer from 1 to {MAX_STEPS}")
    default_a, default_b, default_start = chosen.default
    state = {
        "map": map,
        "a": _on_slider("a", default_a if a is None else a, chosen.a),
        "b": _on_slider("b", default_b if b is None else b, chosen.b or (0, 0)),
        "start": _on_slider("start", default_start if start is None else start, chosen.window),
        "steps": steps,
    }
    picture, verdict = _draw(chosen, state)
    alt = f"Cobweb diagram of {describe(chosen, state)}: {verdict}."
    config = {"state": state, "maxSteps": MAX_STEPS, "maps": {k: _spec(m) for k, m in MAPS.items()}}
    return Explorable("cobweb", config, picture, alt, f"The orbit {verdict}.")


def describe(chosen: Map, state: dict[str, Any]) -> str:
    """Return the map, its parameters, the start and the steps in words."""
    b = f", b = {number(state['b'], 2)}" if chosen.b else ""
    return (
        f"f(z) = {chosen.formula}, a = {number(state['a'], 2)}{b}, "
        f"from z₀ = {number(state['start'], 2)}, {state['steps']} steps"
    )


def _on_slider(name: str, value: float, limits: tuple[float, float]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is {value!r}; expected a real number")
    low, high = limits
    if not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; expected a number from {low} to {high}")
    if abs(value - round(value, 2)) > 1e-9:
        raise ValueError(
            f"{name} is {value!r}; expected a multiple of 0.01, as the reader's slider offers: "
            f"{round(value, 2)} is the nearest"
        )
    return round(float(value), 2)


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
    """Return the picture and the verdict."""
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
    points = [z for z in orbit(f, start, state["steps"]) if math.isfinite(z)]

    grid = labels = curve = ""
    for k in range(math.ceil(low / chosen.tick), math.floor(high / chosen.tick) + 1):
        z = k * chosen.tick
        text = number(z, 1 if chosen.tick < 1 else 0)
        grid += f"M{x(z):.1f},0V{SIDE}M0,{y(z):.1f}H{SIDE}"
        labels += _text("minor", LEFT + x(z), TOP + SIDE + 20, "middle", text)
        labels += _text("minor", LEFT - 8, TOP + y(z) + 5, "end", text)
    pen = "M"
    for k in range(121):
        value = f(low + span * k / 120)
        if math.isfinite(value):
            curve, pen = curve + f"{pen}{k * SIDE / 120:.1f},{y(value):.1f}", "L"
        else:
            pen = "M"
    stairs = f"M{x(start):.1f},{SIDE}" + "".join(f"V{y(z):.1f}H{x(z):.1f}" for z in points[1:])
    marks = "".join(_mark(p, x(p.z), y(p.z)) for p in fixed if low <= p.z <= high)
    grip = LEFT + x(start)
    scene = (
        f'{labels}<svg x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" overflow="hidden">'
        f'<path class="dx-grid" d="{grid}"/><path class="dx-diagonal" d="M0,{SIDE}L{SIDE},0"/>'
        f'<path class="dx-curve" d="{curve}"/><path class="dx-orbit" d="{stairs}"/>'
        f'<circle class="dx-dot" cx="{x(points[-1]):.1f}" cy="{y(points[-1]):.1f}" r="4.5"/>{marks}'
        f'<g transform="translate(306,56) rotate(-45)">{_text("minor", 0, 0, "middle", "y = z")}</g>'
        f"{_curve_label(f, chosen.window, y)}</svg>"
        f'<rect class="dx-frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
        f'<circle class="dx-touch" cx="{grip:.1f}" cy="{TOP + SIDE}" r="22"/>'
        f'<circle class="dx-grip" cx="{grip:.1f}" cy="{TOP + SIDE}" r="8"/>'
        f"{_text('red', *_beside(grip), 'z₀')}"
    )
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" '
        f'height="{SIZE}"><style>{STYLE}</style>'
        f'<rect class="dx-paper" width="{SIZE}" height="{SIZE}"/>{scene}</svg>'
    )
    return picture, judge(f, start, fixed).text


def _text(colour: str, x: float, y: float, anchor: str, text: str) -> str:
    return (
        f'<text class="dx-halo dx-{colour}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{text}</text>"
    )


def _beside(grip: float) -> tuple[float, float, str]:
    """Return where the name of the start stands: right of its grip, or left at the right edge."""
    right = grip < LEFT + SIDE - 40
    return grip + (13 if right else -13), TOP + SIDE - 9, "start" if right else "end"


def _mark(point: FixedPoint, x: float, y: float) -> str:
    """Return the disc of a fixed point in view, with the slope of the map there."""
    core = f'<circle class="dx-core" cx="{x:.1f}" cy="{y:.1f}" r="2"/>'
    right = x < SIDE - 110
    return (
        f'<circle class="dx-{point.kind}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
        f"{core if point.kind == 'marginal' else ''}"
        + _text(
            "green",
            x + (12 if right else -12),
            y + (20 if right and y < SIDE - 30 else -12),
            "start" if right else "end",
            f"f′(z*) = {number(point.slope, 2)}",
        )
    )


def _curve_label(
    f: Callable[[float], float], window: tuple[float, float], y: Callable[[float], float]
) -> str:
    """Return the curve's name, on its empty side at the first place that has room for it."""
    low, high = window
    for place in (0.9, 0.1, 0.8, 0.2, 0.7, 0.3):
        z = low + (high - low) * place
        above = f(z) > z
        falls = f(z + 0.01) < f(z)
        left, height = place * SIDE, y(f(z)) + (-12 if above else 22)
        rightwards = above == falls
        fits = left + 75 < SIDE if rightwards else left > 75
        if fits and 20 < height < SIDE - 30 and abs(y(f(z)) - y(z)) > 40:
            return _text("blue", left, height, "start" if rightwards else "end", "y = f(z)")
    return ""
