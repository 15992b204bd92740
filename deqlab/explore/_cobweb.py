"""The explorable *cobweb*: the orbit of a scalar map as a staircase or a spiral.

The picture is drawn here for the page without scripts and by ``cobweb.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

import math
from itertools import pairwise
from typing import Any

from deqlab.explore._explorable import Explorable
from deqlab.explore._orbits import MAPS, FixedPoint, Map, judge, number, orbit

SIZE, LEFT, TOP, SIDE = 400, 46, 10, 344  # the picture and, inside it, the square that is plotted
ENDS_FIRST = [k for j in range(5, 60, 5) for k in (120 - j, j)]
MAX_STEPS = 60
Point = tuple[float, float]

STYLE = """
text{font:14px "DejaVu Sans",Verdana,sans-serif}
.dx-paper{fill:#fff}.dx-grid{stroke:#e3e6ea;fill:none}.dx-frame{stroke:#5b6570;fill:none}
.dx-diagonal{stroke:#5b6570;stroke-width:1.5;fill:none}
.dx-curve{stroke:#0072b2;stroke-width:3;fill:none}
.dx-orbit{stroke:#c04a00;stroke-width:1.8;fill:none;stroke-linejoin:round}
.dx-dot,.dx-grip,.dx-red{fill:#c04a00}
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
    >>> cobweb("tanh", a=0.5, start=1).caption
    'From z₀ = 1.00: converges to 0.0000 (|f′(z*)| = 0.500), from one side.'
    """
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
    state: dict[str, Any] = {
        "map": map,
        "a": _on_slider("a", default_a if a is None else a, chosen.a),
        "b": _on_slider("b", default_b if b is None else b, chosen.b or (0, 0)),
        "start": _on_slider("start", default_start if start is None else start, chosen.window),
        "steps": steps,
    }
    picture, verdict = _draw(chosen, state)
    alt = f"Cobweb diagram of {_describe(chosen, state)}: {verdict}."
    caption = f"From z₀ = {number(state['start'], 2)}: {verdict}."
    config = {"state": state, "maxSteps": MAX_STEPS, "maps": {k: _spec(m) for k, m in MAPS.items()}}
    return Explorable(
        kind="cobweb",
        scripts=("orbits.js", "cobweb.js"),
        config=config,
        picture=picture,
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
    fixed_in_view = [point for point in fixed if low <= point.z <= high]
    points = [z for z in orbit(f, start, state["steps"]) if math.isfinite(z)]
    curve = [(k * SIDE / 120, y(f(low + span * k / 120))) for k in range(121)]
    corners = [(x(start), float(SIDE))]
    for z, image in pairwise(points):
        corners += [(x(z), y(image)), (x(image), y(image))]

    grid = ticks = path = ""
    for k in range(math.ceil(low / chosen.tick), math.floor(high / chosen.tick) + 1):
        z = k * chosen.tick
        text = number(z, 1 if chosen.tick < 1 else 0)
        grid += f"M{x(z):.1f},0V{SIDE}M0,{y(z):.1f}H{SIDE}"
        ticks += _text("minor", LEFT + x(z), TOP + SIDE + 20, text, "middle")
        ticks += _text("minor", LEFT - 8, TOP + y(z) + 5, text, "end")
    for k, (left, height) in enumerate(curve):
        joined = k and abs(height - curve[k - 1][1]) < SIDE  # not across a pole
        path += f"{'L' if joined else 'M'}{left:.1f},{height:.1f}"
    stairs = "M" + "L".join(f"{left:.1f},{height:.1f}" for left, height in corners)
    discs = "".join(_disc(point, x(point.z), y(point.z)) for point in fixed_in_view)
    end_x, end_y = corners[-1]

    taken = curve + _along([(0, SIDE), (SIDE, 0)]) + _along(corners)
    labels = _label("red", "z₀", taken, [(x(start) + 13, SIDE - 9), (x(start) - 31, SIDE - 9)])
    for point in fixed_in_view:
        taken += [(x(point.z), y(point.z))] * 20
    for point in fixed_in_view:
        text = f"f′ = {number(point.slope, 2)}"
        labels += _label("green", text, taken, _around(x(point.z), y(point.z), 8 * len(text)))
    for colour, text, line in (
        ("blue", "y = f(z)", curve),
        ("minor", "y = z", [(left, SIDE - left) for left, _ in curve]),
    ):
        spots = [spot for k in ENDS_FIRST for spot in _around(*line[k], 8 * len(text))[:8]]
        labels += _label(colour, text, taken, spots)
    scene = (
        f'{ticks}<svg x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" overflow="hidden">'
        f'<path class="dx-grid" d="{grid}"/><path class="dx-diagonal" d="M0,{SIDE}L{SIDE},0"/>'
        f'<path class="dx-curve" d="{path}"/><path class="dx-orbit" d="{stairs}"/>'
        f'<circle class="dx-dot" cx="{end_x:.1f}" cy="{end_y:.1f}" r="4.5"/>{discs}{labels}</svg>'
        f'<rect class="dx-frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
        f'<circle class="dx-grip" cx="{LEFT + x(start):.1f}" cy="{TOP + SIDE:.1f}" r="8"/>'
    )
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" '
        f'height="{SIZE}"><style>{STYLE}</style>'
        f'<rect class="dx-paper" width="{SIZE}" height="{SIZE}"/>{scene}</svg>'
    )
    return picture, judge(f, start, fixed).text


def _text(colour: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return (
        f'<text class="dx-halo dx-{colour}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{text}</text>"
    )


def _disc(point: FixedPoint, x: float, y: float) -> str:
    core = f'<circle class="dx-core" cx="{x:.1f}" cy="{y:.1f}" r="2"/>'
    return (
        f'<circle class="dx-{point.kind}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
        f"{core if point.kind == 'marginal' else ''}"
    )


def _along(corners: list[Point]) -> list[Point]:
    """Return points at most 4 units apart along a line."""
    points = []
    for (x, y), (next_x, next_y) in pairwise(corners):
        pieces = math.floor(max(abs(next_x - x), abs(next_y - y)) / 4) + 1
        points += [
            (x + (next_x - x) * k / pieces, y + (next_y - y) * k / pieces) for k in range(pieces)
        ]
    return points


def _around(x: float, y: float, width: float) -> list[Point]:
    """Return the places for a text about a point, near ones first."""
    return [
        (x + across * gap - width * (1 - across) / 2, y + 5 + down * (gap + 7))
        for gap in (12, 24, 40)
        for across, down in ((1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1), (0, -1), (0, 1))
    ]


def _label(colour: str, text: str, taken: list[Point], spots: list[Point]) -> str:
    """Return a text at the least crowded of the spots, and take that place."""
    width = 8 * len(text)

    def crowd(spot: Point) -> int:
        x, y = spot
        inside = 4 <= x <= SIDE - 4 - width and 18 <= y <= SIDE - 8
        over = sum(x - 3 < p < x + width + 3 and y - 14 < q < y + 6 for p, q in taken)
        return over if inside else over + 1000

    x, y = min(spots, key=crowd)
    taken += [(x + 8 * k, y + j) for k in range(len(text) + 1) for j in (2, -10)] * 5
    return _text(colour, x, y, text)
