"""The explorable *solver race*: five solvers of a map of the plane, in one currency.

The picture is drawn here for the page without scripts and by ``solver_race.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

from typing import Any

from deqlab.explore._arguments import on_slider, one_of, pair, whole
from deqlab.explore._drawing import (
    Point,
    along,
    around,
    axes,
    circle,
    disc,
    dotted,
    label,
    line,
    number,
    picture,
)
from deqlab.explore._explorable import Explorable
from deqlab.explore._fate import place
from deqlab.explore._plots import name_curves
from deqlab.explore._race import GOAL, Problem, Visit, paid, problem, race

SIZE, LEFT, TOP, SIDE, HALF = 400, 46, 10, 344, 1.5  # the picture, the square, its half-width
MAPS: dict[str, dict[str, Any]] = {
    "symmetric": {"title": "W symmetric", "scale": 0.98, "start": (-1.2, 0.8)},
    "rotation": {"title": "W a rotation", "scale": 1.05, "start": (-1.2, 0.8)},
    "nonnormal": {"title": "W non-normal", "scale": 0.9, "start": (0.4, -1.2)},
    "shift": {"title": "W a shift, nilpotent", "scale": 1.0, "start": (-1.2, 0.8)},
    "babylonian": {"title": "Babylonian, (z + i/z)/2", "scale": 1.0, "start": (-0.2, 1.3)},
}
LIMITS = {
    "scale": (0, 2),
    "relaxation": (0.05, 1),
    "memory": (1, 5),
    "evaluations": (5, 100),
    "x": (-1.5, 1.5),
    "y": (-1.5, 1.5),
}
STYLES = {
    "picard": ("Picard", "minor", "diagonal"),
    "relaxed": ("relaxed", "green", "lower"),
    "anderson": ("Anderson", "blue", "axis"),
    "broyden": ("Broyden", "purple", "other"),
    "newton": ("Newton", "red", "orbit"),
}


def solver_race(
    map: str = "rotation",  # noqa: A002
    *,
    scale: float | None = None,
    start: Point | None = None,
    relaxation: float = 0.5,
    memory: int = 2,
    evaluations: int = 40,
    highlight: str = "all",
) -> Explorable:
    """Return five solvers of z = f(z) in the plane as an interactive figure.

    From a start that can be dragged run Picard, relaxed Picard z + τ (f(z) − z), Anderson of memory
    m, Broyden's good method and Newton. Beside the plane are the residual |f(z) − z| and the error
    |z − z*| on logarithmic scales, against the evaluations of f: a Newton step pays for its two
    products with the Jacobian too, one evaluation each. The error is measured from the fixed point
    that the solver ends next to; different solvers may end next to different ones. In words the
    figure says what each pays for a residual of 1e-8, within 400 evaluations.

    The solvers are the textbook's, without safeguards. Anderson's ridge is relative, 1e-12.

    Parameters
    ----------
    map : {"symmetric", "rotation", "nonnormal", "shift", "babylonian"}
        tanh(c W z + b) with b = (0.1, −0.05) and W symmetric with the eigenvalues 1 and −0.6, a
        rotation by 75°, non-normal with the eigenvalues 1 and 0.7 and Henrici's departure from
        normality 2, or the nilpotent [[0, 1], [0, 0]]; or the Babylonian map (z + i/z)/2 of the
        complex plane, which is Newton's for z² = i.
    scale : float, optional
        c, a multiple of 0.01 from 0 to 2; not for the Babylonian map.
    start : (float, float), optional
        z_0, multiples of 0.01 from -1.5 to 1.5.
    relaxation : float
        τ, a multiple of 0.01 from 0.05 to 1.
    memory : int
        Differences that Anderson remembers, from 1 to 5. In the plane two span every direction.
    evaluations : int
        Evaluations shown, from 5 to 100.
    highlight : {"all", "picard", "relaxed", "anderson", "broyden", "newton"}
        The solver that is not drawn faintly.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError
        If a number is not a real number, an integer is none, or start is no pair.
    ValueError
        If map or highlight is unknown, scale is given for the Babylonian map, or a number is out of
        its slider's range or between its marks.

    Examples
    --------
    >>> solver_race("shift").caption.split(": ")[1]
    'Picard 3, Anderson 4, Broyden 4, Newton 7, relaxed 33.'
    """
    one_of("map", map, MAPS)
    one_of("highlight", highlight, ("all", *STYLES))
    if scale is not None and map == "babylonian":
        raise ValueError(f"scale is {scale!r}, but the map 'babylonian' has no weights to scale")
    x, y = MAPS[map]["start"] if start is None else pair("start", start, LIMITS["x"], LIMITS["y"])
    state: dict[str, Any] = {
        "map": map,
        "scale": on_slider("scale", MAPS[map]["scale"] if scale is None else scale, (0, 2)),
        "x": x,
        "y": y,
        "relaxation": on_slider("relaxation", relaxation, LIMITS["relaxation"]),
        "memory": whole("memory", memory, (1, 5)),
        "evaluations": whole("evaluations", evaluations, (5, 100)),
        "highlight": highlight,
    }
    given = problem(map, state["scale"])
    runs = race(given, (x, y), state["relaxation"], state["memory"])
    verdict = _judge(runs)
    c = "" if map == "babylonian" else f", c = {number(state['scale'], 2)}"
    what = f"{MAPS[map]['title']}{c}, from z₀ = {place((x, y))}"
    return Explorable(
        kind="solver-race",
        scripts=(
            "drawing.js",
            "plane.js",
            "vectors.js",
            "anderson.js",
            "race.js",
            "solver_race.js",
        ),
        config={"state": state, "limits": LIMITS, "maps": MAPS},
        picture=picture(SIZE, SIZE, _draw(state, given, runs)),
        alt=f"Five solvers on {what}; {verdict}.",
        caption=f"{verdict[0].upper()}{verdict[1:]}.",
    )


def _judge(runs: dict[str, list[Visit]]) -> str:
    """Return what every solver pays for the goal, the cheapest first."""
    costs = {STYLES[name][0]: paid(path, GOAL) for name, path in runs.items()}
    reached = sorted((cost, name) for name, cost in costs.items() if cost is not None)
    order = [name for name, cost in costs.items() if cost is not None]
    reached.sort(key=lambda item: (item[0], order.index(item[1])))
    counts = [f"{name} {cost}" for cost, name in reached]
    never = [name for name, cost in costs.items() if cost is None]
    if never:
        counts.append(f"{', '.join(never)} never")
    return f"evaluations to |f(z) − z| ≤ 10⁻⁸: {', '.join(counts)}"


def _draw(state: dict[str, Any], given: Problem, runs: dict[str, list[Visit]]) -> str:
    """Return what the picture shows."""

    def at(z: Point) -> Point:
        x, y = (min(max(coordinate, -4 * HALF), 4 * HALF) for coordinate in z)
        return (x / HALF + 1) / 2 * SIDE, (1 - y / HALF) / 2 * SIDE

    shown = {
        name: [at(visit.z) for visit in path if visit.spent <= state["evaluations"]]
        for name, path in runs.items()
    }
    frame, start = (SIDE, SIDE), at((state["x"], state["y"]))
    taken = [spot for points in shown.values() for spot in along(points)]
    for point in given.fixed:
        taken += [at(point.z)] * 20
    labels = label("red", "z₀", taken, around(*start, 16), frame)
    for k, point in enumerate(given.fixed, start=1):
        text = str(k) if len(given.fixed) > 1 else "z*"
        labels += label("green", text, taken, around(*at(point.z), 8 * len(text)), frame)
    names = [(STYLES[name][1], STYLES[name][0], points[1:]) for name, points in shown.items()]
    labels += name_curves(names, taken, frame)
    curves = ""
    for name, points in shown.items():
        style = STYLES[name][2]
        if points:
            curve = f'<path class="dx-{style}" d="{line(points)}"/>'
            curve += f'<path class="dx-{style} dx-points" d="{dotted(points[1:])}"/>'
            faint = state["highlight"] not in ("all", name)
            curves += f'<g class="dx-faint">{curve}</g>' if faint else curve
    grid, ticks = axes((-HALF, HALF), 0.5, LEFT, TOP, SIDE)
    discs = "".join(disc(point.kind, *at(point.z)) for point in given.fixed)
    return (
        f'{ticks}<svg x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" overflow="hidden">'
        f'<path class="dx-grid" d="{grid}"/>{curves}{discs}{labels}</svg>'
        f'<rect class="dx-frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
        f"{circle('grip', LEFT + start[0], TOP + start[1], 8)}"
    )
