"""The explorable *unit circle*: eigenvalues of the Jacobian leave it in three ways.

The picture is drawn here for the page without scripts and by ``unit_circle.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

import math
from typing import Any

from deqlab.explore._arguments import on_slider, one_of, whole
from deqlab.explore._drawing import (
    Point,
    along,
    around,
    axes,
    beside_one,
    circle,
    label,
    line,
    number,
    picture,
    size,
)
from deqlab.explore._exits import MARKS, Place, branch, weights
from deqlab.explore._explorable import Explorable
from deqlab.explore._plots import name_curves

SIZE, LEFT, TOP, SIDE, HALF = 400, 46, 10, 344, 2.2  # the picture, the square, its half-width
LAST = 2
LIMITS = {
    "scale": (0, LAST),
    "relaxation": (0.05, 1),
    "offset": (0, 0.5),
    "angle": (10, 170),
}


def unit_circle(
    exit: str = "-1",  # noqa: A002
    *,
    scale: float = 1.1,
    offset: float = 0.0,
    relaxation: float = 0.5,
    angle: int = 60,
) -> Explorable:
    """Return eigenvalues that leave the unit circle as an interactive figure.

    The map is z = tanh(c W z + b) in the plane, W normal with ρ(W) = 1. As c grows from 0 the fixed
    point z* is followed, and with it the eigenvalues λ of its Jacobian J. The figure shows their
    path, the unit circle, in which Picard converges to z*, and the disc |1 − τ + τ λ| < 1, in which
    relaxed Picard does; the errors of both from z_0 = (0.5, −0.3); and |dz*/db|₂ along c, beside
    1/(1 − ρ(J)). Through −1 and as a pair the eigenvalues leave without a trace in the gradient,
    and a small τ rescues the iteration as long as Re λ < 1. Through +1 the gradient is infinite,
    as dz*/db = (I − J)⁻¹ diag(1 − z*²), and no τ helps. With b ≠ 0 the exit through +1 is a fold:
    the fixed point that is followed stays, and two others are born.

    Parameters
    ----------
    exit : {"+1", "-1", "pair"}
        The eigenvalues of W: 1 and 0.3, −1 and −0.3, or e^{±iθ}.
    scale : float
        c, a multiple of 0.01 from 0 to 2.
    offset : float
        b is this multiple of (1, 0.5); a multiple of 0.01 from 0 to 0.5.
    relaxation : float
        τ, a multiple of 0.01 from 0.05 to 1.
    angle : int
        θ in degrees, from 10 to 170; it matters for the pair only.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError
        If a number is not a real number, or angle is no integer.
    ValueError
        If exit is unknown, or a number is out of its slider's range or between its marks.

    Examples
    --------
    >>> unit_circle("-1", scale=1.1).caption.split(": ")[1]
    'Picard leaves z*, relaxed Picard converges to z*; |dz*/db| = 0.752.'
    """
    one_of("exit", exit, ("+1", "-1", "pair"))
    state: dict[str, Any] = {
        "exit": exit,
        "scale": on_slider("scale", scale, LIMITS["scale"]),
        "offset": on_slider("offset", offset, LIMITS["offset"]),
        "relaxation": on_slider("relaxation", relaxation, LIMITS["relaxation"]),
        "angle": whole("angle", angle, (10, 170)),
    }
    b = (state["offset"], state["offset"] / 2)
    places = branch(weights(exit, angle), b, LAST)
    here = places[round(state["scale"] * MARKS)]
    verdict = _judge(here, state["relaxation"])
    turn = f", θ = {angle}°" if exit == "pair" else ""
    what = f"c = {number(scale, 2)}, τ = {number(relaxation, 2)}, b = {number(offset, 2)} (1, 0.5)"
    return Explorable(
        kind="unit-circle",
        scripts=("drawing.js", "plane.js", "exits.js", "unit_circle.js"),
        config={"state": state, "limits": LIMITS},
        picture=picture(SIZE, SIZE, _draw(state, places, here)),
        alt=f"Eigenvalues of the Jacobian at z*, {what}{turn}: {verdict}.",
        caption=f"{verdict}.",
    )


def _judge(here: Place, tau: float) -> str:
    """Say what becomes of both iterations near z*, and how large the gradient is."""

    def says(radius: float) -> str:
        if abs(radius - 1) <= 1e-9:
            return "is marginal"
        return "converges to z*" if radius < 1 else "leaves z*"

    infinite = here.gradient == math.inf
    slope = "is infinite, as 1 ∈ σ(J)" if infinite else f"= {size(here.gradient)}"
    return (
        f"ρ(J) = {beside_one(here.radius)}: Picard {says(here.radius)}, "
        f"relaxed Picard {says(here.relaxed(tau))}; |dz*/db| {slope}"
    )


def _draw(state: dict[str, Any], places: list[Place], here: Place) -> str:
    """Return what the picture shows."""
    tau = state["relaxation"]

    def at(z: complex) -> Point:
        return (z.real / HALF + 1) / 2 * SIDE, (1 - z.imag / HALF) / 2 * SIDE

    def ring(style: str, z: complex, radius: float) -> str:
        (x, y), r = at(z), radius / HALF / 2 * SIDE
        return f'<circle class="dx-{style}" cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>'

    turns = [complex(math.cos(k * math.pi / 18), math.sin(k * math.pi / 18)) for k in range(37)]
    trails = [[at(place.eigenvalues[k]) for place in places] for k in (0, 1)]
    unit, disc = [at(z) for z in turns], [at(1 - 1 / tau + z / tau) for z in turns]
    marks, one, frame = [at(z) for z in here.eigenvalues], at(1), (SIDE, SIDE)
    taken = along(unit) + along(disc) + along(trails[0]) + along(trails[1])
    for mark in (*marks, one):
        taken += [mark] * 20
    labels = label("red", "λ", taken, around(*marks[0], 8), frame)
    labels += label("green", "1", taken, around(*one, 8), frame)
    shown = [(x, y) for x, y in disc if 0 <= x <= SIDE and 0 <= y <= SIDE]
    names = [("minor", "unit circle", unit), ("green", "relaxed converges inside", shown)]
    labels += name_curves(names, taken, frame)
    paths = "".join(f'<path class="dx-ring" d="{line(points)}"/>' for points in trails)
    grid, ticks = axes((-HALF, HALF), 1, LEFT, TOP, SIDE)
    centre = complex(1 - 1 / tau)
    return (
        f'{ticks}<svg x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" overflow="hidden">'
        f'<path class="dx-grid" d="{grid}"/>{ring("area", centre, 1 / tau)}'
        f"{ring('lower dx-dashed', centre, 1 / tau)}{ring('diagonal', 0j, 1)}{paths}"
        f"{circle('core', *one, 4)}{circle('dot', *marks[1], 6)}{labels}</svg>"
        f'<rect class="dx-frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
        f"{circle('grip', LEFT + marks[0][0], TOP + marks[0][1], 8)}"
    )
