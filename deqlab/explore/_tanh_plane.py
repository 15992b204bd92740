"""The explorable *tanh map in the plane*: ρ(W), ‖W‖ and what becomes of the orbits.

The picture is drawn here for the page without scripts and by ``tanh_plane.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

import math
from typing import Any

from deqlab.explore._arguments import on_slider, one_of, pair, real, whole
from deqlab.explore._drawing import (
    Point,
    along,
    around,
    axes,
    beside_one,
    circle,
    disc,
    dotted,
    label,
    line,
    number,
    picture,
)
from deqlab.explore._explorable import Explorable
from deqlab.explore._fate import Fate, judge, place
from deqlab.explore._plane import FixedPoint, Matrix, Spectrum, fixed_points, orbit
from deqlab.explore._stories import LIMITS, PRESETS

SIZE, LEFT, TOP, SIDE = 400, 46, 10, 344  # the picture and, inside it, the square that is plotted
HALF_WIDTHS = (1.5, 3, 4.5, 6, 9, 12, 24, 48)
MAX_STEPS = 60
FORMULAS = {"tanh": "tanh(W z + b)", "relu": "max(W z + b, 0)", "identity": "W z + b"}


def tanh_plane(
    preset: str = "contraction",
    *,
    activation: str | None = None,
    eigenvalues: tuple[float, float] | None = None,
    radius: float | None = None,
    angle: int | None = None,
    nonnormality: float | None = None,
    turn: float | None = None,
    offset: tuple[float, float] | None = None,
    start: tuple[float, float] | None = None,
    steps: int | None = None,
) -> Explorable:
    """Return orbits of z ↦ φ(W z + b) in the plane as an interactive figure.

    The figure shows the unit circle and its image under W, an ellipse whose longest half-axis is
    ‖W‖₂; the orbit from a start that can be dragged, and the orbits from twelve points of the unit
    circle; the fixed points, filled where they attract and hollow where they do not; what becomes
    of the orbit, in words, judged from 10 000 steps; and the error |e_k| = |z_k − z*| on a
    logarithmic scale, with its bound ‖W‖₂^k |e_0| and its rate in the end, ρ(J)^k |e_0|, where J is
    the Jacobian at z* (for φ = identity, W itself). Where the orbit has no limit the length of its
    steps takes the place of the error.

    The reader sets ρ(W) and ‖W‖₂ apart: W = Q T Qᵀ with Q a rotation and T the real Schur form,

        T = [[λ₁, c], [0, λ₂]] for two real eigenvalues, or

        T = [[ρ cos θ, u], [v, ρ cos θ]], u v = −ρ² sin² θ, u + v = c, for a pair ρ e^{±iθ}.

    Here |c| is Henrici's departure from normality, and c = 0 makes W normal, with ‖W‖₂ = ρ(W).

    Every isolated fixed point is shown. For tanh, an exhaustive search excludes an interval or
    proves that the equation is monotone on it, down to fixed points about 10⁻³ apart. For ReLU and
    the identity, the linear systems of all pieces are solved.

    Parameters
    ----------
    preset : str
        Where the reader starts, and the value of every argument that is not given: "contraction",
        "rotation", "transient", "nilpotent", "relu", "several", "cycle" or "circling". The matrix
        of "nilpotent" is [[-4, 8], [-2, 4]], that of "relu" is [[2, -4], [1, -2]].
    activation : {"tanh", "relu", "identity"}, optional
        φ.
    eigenvalues : (float, float), optional
        Two real eigenvalues of W, multiples of 0.01 from -2.5 to 2.5.
    radius : float, optional
        Modulus ρ of a pair of eigenvalues, a multiple of 0.01 from 0 to 2.5.
    angle : int, optional
        Argument θ of the pair in degrees, from 0 to 180.
    nonnormality : float, optional
        c, a multiple of 0.1 from -10 to 10.
    turn : float, optional
        Angle of Q in degrees, from -90 to 90. It matters because φ acts on each component. (The
        reader's slider moves in whole degrees.)
    offset : (float, float), optional
        b, multiples of 0.01 from -2 to 2.
    start : (float, float), optional
        The initial point z_0, multiples of 0.01 from -1.5 to 1.5.
    steps : int, optional
        Number of steps drawn, from 1 to 60.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError
        If a number is not a real number, an integer is none, or a pair is none.
    ValueError
        If preset or activation is unknown, a number is out of its slider's range or between its
        marks, or eigenvalues are given together with radius or angle.

    Examples
    --------
    >>> tanh_plane("transient").caption.split("; ")[1]
    '|eₖ| first grows, to 2.18 |e₀| at step 3.'
    """
    one_of("preset", preset, PRESETS)
    state = {key: value for key, value in PRESETS[preset].items() if key != "title"}
    if eigenvalues is not None and (radius is not None or angle is not None):
        raise ValueError(
            f"eigenvalues is {eigenvalues!r}, and radius and angle of a pair are given too: "
            "give the two real eigenvalues or the pair"
        )
    changes: dict[str, Any] = {}
    if activation is not None:
        one_of("activation", activation, FORMULAS)
        changes["activation"] = activation
    if eigenvalues is not None:
        changes |= {"pair": "real"} | _two("eigenvalues", eigenvalues, "l1", "l2")
    if radius is not None or angle is not None:
        changes["pair"] = "complex"
    if radius is not None:
        changes["radius"] = on_slider("radius", radius, LIMITS["radius"])
    if angle is not None:
        changes["angle"] = whole("angle", angle, (0, 180))
    if nonnormality is not None:
        changes["c"] = on_slider("nonnormality", nonnormality, LIMITS["c"], 10)
    if turn is not None:
        changes["turn"] = real("turn", turn, LIMITS["turn"])
    if offset is not None:
        changes |= _two("offset", offset, "b1", "b2")
    own = any(state[key] != value for key, value in changes.items())
    if start is not None:
        changes |= _two("start", start, "x", "y")
    if steps is not None:
        changes["steps"] = whole("steps", steps, (1, MAX_STEPS))
    state |= changes | {"preset": "own" if own else preset}

    scene, verdict, fixed = _draw(state)
    alt = f"Orbits of {_describe(state)}: {verdict}."
    caption = f"From z₀ = ({number(state['x'], 2)}, {number(state['y'], 2)}): {verdict}."
    if len(fixed) > 1:
        points = (f"{k} {place(z.z)} {z.kind}" for k, z in enumerate(fixed, start=1))
        caption += f" Fixed points: {', '.join(points)}."
    return Explorable(
        kind="tanh-plane",
        scripts=("drawing.js", "plane.js", "fate.js", "tanh_plane.js"),
        config={"state": state, "limits": LIMITS, "maxSteps": MAX_STEPS, "presets": PRESETS},
        picture=picture(SIZE, SIZE, scene),
        alt=alt,
        caption=caption,
    )


def _two(name: str, value: Point, first: str, second: str) -> dict[str, float]:
    return dict(zip((first, second), pair(name, value, LIMITS[first], LIMITS[second]), strict=True))


def _describe(state: dict[str, Any]) -> str:
    """Return the map, ρ(W) and ‖W‖, the start and the steps in words."""
    spectrum = _spectrum(state)
    return (
        f"f(z) = {FORMULAS[state['activation']]}, ρ(W) = {number(spectrum.radius, 2)}, "
        f"‖W‖ = {beside_one(spectrum.norm)}, from z₀ = ({number(state['x'], 2)}, "
        f"{number(state['y'], 2)}), {state['steps']} steps"
    )


def _spectrum(state: dict[str, Any]) -> Spectrum:
    is_pair = state["pair"] == "complex"
    p, q = (state[key] for key in (("radius", "angle") if is_pair else ("l1", "l2")))
    return Spectrum(is_pair, p, q, state["c"], state["turn"])


def _half_width(activation: str, W: Matrix, spectrum: Spectrum, fixed: list[FixedPoint]) -> float:
    """Return what lets most orbits stay in the window; it does not depend on the start."""
    if activation == "tanh":
        return HALF_WIDTHS[0]
    furthest = max((max(abs(z) for z in point.z) for point in fixed), default=0.0)
    reach = 0.3
    if activation == "identity":
        reach = _largest_power(W) if spectrum.radius < 1 else spectrum.norm
    needed = furthest + 0.8 * reach
    return next((half for half in HALF_WIDTHS if half >= needed), HALF_WIDTHS[-1])


def _largest_power(W: Matrix) -> float:
    """Return the largest Frobenius norm of W, W², ..., W⁶⁰."""
    largest, power = 0.0, ((1.0, 0.0), (0.0, 1.0))
    for _ in range(MAX_STEPS):
        power = tuple(  # type: ignore[assignment]
            tuple(sum(row[j] * power[j][k] for j in (0, 1)) for k in (0, 1)) for row in W
        )
        largest = max(largest, math.hypot(*power[0], *power[1]))
    return largest


def _longest_axis(W: Matrix, norm: float) -> Point:
    """Return an end of the longest axis of the image of the unit ball."""
    (w11, w12), (w21, w22) = W
    across = 2 * (w11 * w21 + w12 * w22)
    difference = w11**2 + w12**2 - w21**2 - w22**2
    round_ = math.hypot(across, difference) <= 1e-9
    angle = 0.0 if round_ else math.atan2(across, difference) / 2
    return norm * math.cos(angle), norm * math.sin(angle)


def _draw(state: dict[str, Any]) -> tuple[str, str, list[FixedPoint]]:
    """Return what the picture shows, the verdict and the fixed points."""
    activation, start = state["activation"], (state["x"], state["y"])
    b, steps, spectrum = (state["b1"], state["b2"]), state["steps"], _spectrum(state)
    W = spectrum.matrix()
    fixed = fixed_points(activation, W, b)
    fate: Fate = judge(activation, spectrum, b, start, fixed)
    half = _half_width(activation, W, spectrum, fixed)

    def at(z: Point) -> Point:
        x, y = (min(max(coordinate, -4 * half), 4 * half) for coordinate in z)
        return (x / half + 1) / 2 * SIDE, (1 - y / half) / 2 * SIDE

    def path(name: str, points: list[Point]) -> str:
        return f'<path class="dx-{name}" d="{line(points)}"/>'

    turns = [(math.cos(k * math.pi / 60), math.sin(k * math.pi / 60)) for k in range(121)]
    ball = [at(z) for z in turns]
    image = [at((W[0][0] * x + W[0][1] * y, W[1][0] * x + W[1][1] * y)) for x, y in turns]
    ring = "".join(
        line([at(z) for z in orbit(activation, W, b, turns[10 * k], steps)]) for k in range(12)
    )
    points = [at(z) for z in orbit(activation, W, b, start, steps)]
    dots = f'<path class="dx-dots" d="{dotted(points[1:])}"/>'
    in_view = [point for point in fixed if max(map(abs, point.z)) <= half]
    discs = "".join(disc(point.kind, *at(point.z)) for point in in_view)
    axis = _longest_axis(W, spectrum.norm)
    shrink = min(1.0, 0.86 * half / max(abs(axis[0]), abs(axis[1]), 1e-9))
    end, centre = at(axis), at((0.0, 0.0))
    text_spot = at((axis[0] * shrink, axis[1] * shrink))

    frame = (SIDE, SIDE)
    taken = along(points) + along(image)
    for point in in_view:
        taken += [at(point.z)] * 20
    labels = label("red", "z₀", taken, around(*points[0], 16), frame)
    for k, point in enumerate(fixed, start=1):
        if point in in_view:
            text = str(k) if len(fixed) > 1 else "z*"
            labels += label("green", text, taken, around(*at(point.z), 8 * len(text)), frame)
    taken += along(ball) + along([centre, end])
    text = f"‖W‖ = {beside_one(spectrum.norm)}"
    labels += label("blue", text, taken, around(*text_spot, 8 * len(text)), frame)
    text = "unit circle"
    spots = [spot for k in range(0, 120, 10) for spot in around(*ball[k], 8 * len(text))[:8]]
    labels += label("minor", text, taken, spots, frame)

    grid, ticks = axes((-half, half), half / 3, LEFT, TOP, SIDE)
    scene = (
        f'{ticks}<svg x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" overflow="hidden">'
        f'<path class="dx-grid" d="{grid}"/><path class="dx-ring" d="{ring}"/>'
        f"{path('area', image)}{path('curve', image)}{path('diagonal', ball)}"
        f"{path('axis', [centre, end])}{path('orbit', points)}{dots}{discs}{labels}</svg>"
        f'<rect class="dx-frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
        f"{circle('grip', LEFT + points[0][0], TOP + points[0][1], 8)}"
    )
    return scene, fate.verdict.text, fixed
