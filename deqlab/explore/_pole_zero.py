"""The explorable *poles and zeros*: a filter, its responses, and the fixed-point iteration it is.

The picture is drawn here for the page without scripts and by ``pole_zero.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

import math
from typing import Any

from deqlab.explore._arguments import on_slider, root, whole
from deqlab.explore._drawing import (
    Point,
    along,
    around,
    axes,
    beside_one,
    circle,
    label,
    number,
    picture,
)
from deqlab.explore._explorable import Explorable
from deqlab.explore._filter import dc_gain, factors, respond
from deqlab.explore._plots import name_curves

SIZE, LEFT, TOP, SIDE, HALF = 400, 46, 10, 344, 1.6  # the picture, the square, its half-width
HORIZON = 2000  # steps within which the iteration is to settle
LIMITS = {
    "a": (-1.2, 1.2),
    "radius": (0, 1.2),
    "angle": (0, 180),
    "q": (-1.5, 1.5),
    "zeroRadius": (0, 1.5),
    "zeroAngle": (0, 180),
    "gain": (-2, 2),
    "steps": (10, 100),
}
Root = tuple[str, float, float, float]  # kind, real root, radius and angle of a pair


def pole_zero(
    pole: float | tuple[float, int] = 0.8,
    *,
    zero: float | tuple[float, int] | None = None,
    gain: float = 0.2,
    steps: int = 40,
) -> Explorable:
    """Return the z-plane of a filter, with poles and zeros to drag, as an interactive figure.

    The filter is H(z) = g Π(1 − q/z) / Π(1 − p/z). Beside the plane stand its impulse response and
    its frequency response |H(e^{iω})|; below, the output for the constant input 1, each value
    against the one before. With one pole and no zero that is the cobweb of the iteration
    y ← a y + g, and its fixed point g/(1 − a) is the DC gain H(1). In words the figure says whether
    the filter is stable and from which step on the iteration is within 1 % of the fixed point.

    Parameters
    ----------
    pole : float or (float, int)
        A real pole, a multiple of 0.01 from -1.2 to 1.2, or radius (0 to 1.2) and angle (0 to 180
        degrees) of a conjugate pair.
    zero : float or (float, int), optional
        A real zero, a multiple of 0.01 from -1.5 to 1.5, or radius (0 to 1.5) and angle of a
        conjugate pair. Without one the zeros are at 0.
    gain : float
        g, a multiple of 0.01 from -2 to 2.
    steps : int
        Steps drawn, from 10 to 100.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError
        If a number is not a real number, an integer is none, or pole or zero is neither a number
        nor a pair.
    ValueError
        If a number is out of its slider's range or between its marks.

    Examples
    --------
    >>> pole_zero(0.8, gain=0.2).caption
    'Stable: |p| = 0.80 < 1; DC gain = fixed point = 1.000, reached to 1 % from step 20 on.'
    """
    poles = root("pole", pole, LIMITS["a"], LIMITS["radius"])
    zeros = root("zero", zero, LIMITS["q"], LIMITS["zeroRadius"])
    state: dict[str, Any] = {
        **dict(zip(("poles", "a", "radius", "angle"), poles, strict=True)),
        **dict(zip(("zeros", "q", "zeroRadius", "zeroAngle"), zeros, strict=True)),
        "gain": on_slider("gain", gain, LIMITS["gain"]),
        "steps": whole("steps", steps, (10, 100)),
    }
    verdict = _judge(poles, zeros, state["gain"])
    what = f"pole {_text(poles)}, zero {_text(zeros)}, gain {number(gain, 2)}"
    return Explorable(
        kind="pole-zero",
        scripts=("drawing.js", "filter.js", "pole_zero.js"),
        config={"state": state, "limits": LIMITS},
        picture=picture(SIZE, SIZE, _draw(poles, zeros)),
        alt=f"The z-plane with the unit circle, {what}: {verdict}.",
        caption=f"{verdict[0].upper()}{verdict[1:]}.",
    )


def _text(given: Root) -> str:
    kind, real, radius, angle = given
    if kind == "pair":
        return f"{number(radius, 2)} e^(± {angle}° i)"
    return number(real, 2) if kind == "real" else "none"


def _roots(given: Root) -> list[Point]:
    """Return the roots as points of the plane, the one with Im ≥ 0 first."""
    kind, real, radius, angle = given
    if kind != "pair":
        return [(real, 0.0)] if kind == "real" else []
    x, y = radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle))
    return [(x, y), (x, -y)]


def _judge(poles: Root, zeros: Root, g: float) -> str:
    """Say whether the filter is stable, and what becomes of the iteration."""
    modulus = abs(poles[1]) if poles[0] == "real" else poles[2]
    p = f"|p| = {beside_one(modulus)}"
    first, second = _roots(poles), _roots(zeros)
    if len(first) == len(second) and all(
        abs(x - u) + abs(y - v) < 1e-9 for (x, y), (u, v) in zip(first, second, strict=True)
    ):
        hidden = "the pole is hidden, not gone"
        return f"cancelled: zero and pole coincide, so that H = {number(g, 2)}; {hidden}"
    b, a = [g * c for c in factors(*zeros)], factors(*poles)
    gain = dc_gain(b, a)
    if gain == math.inf:
        end = "a constant input is summed up for ever"
        return f"pole at 1: no DC gain and no fixed point; {end}"
    to = f"the fixed point {number(gain, 3)}"
    if modulus > 1:
        return f"unstable: {p} > 1, so h grows and the iteration leaves {to}"
    if modulus == 1:
        return f"marginal: {p}, so h does not decay and the iteration circles {to}"
    y, close = respond(b, a, [1.0] * (HORIZON + 1)), 0.01 * max(abs(gain), 1e-9)
    settled = next((k + 1 for k in range(HORIZON, -1, -1) if abs(y[k] - gain) > close), 0)
    when = (
        f"to 1 % from step {settled} on" if settled <= HORIZON else f"not to 1 % in {HORIZON} steps"
    )
    reached = f"reached {when if gain else 'in the limit'}"
    return f"stable: {p} < 1; DC gain = fixed point = {number(gain, 3)}, {reached}"


def _draw(poles: Root, zeros: Root) -> str:
    """Return what the picture shows."""

    def at(z: Point) -> Point:
        return (z[0] / HALF + 1) / 2 * SIDE, (1 - z[1] / HALF) / 2 * SIDE

    crosses, noughts = [at(z) for z in _roots(poles)], [at(z) for z in _roots(zeros)]
    frame, one = (SIDE, SIDE), at((1, 0))
    unit = [at((math.cos(k * math.pi / 18), math.sin(k * math.pi / 18))) for k in range(37)]
    taken = along(unit)
    for mark in (*crosses, *noughts, one):
        taken += [mark] * 20
    labels = label("red", "pole", taken, around(*crosses[0], 32), frame)
    if noughts:
        labels += label("blue", "zero", taken, around(*noughts[0], 32), frame)
    labels += label("minor", "1", taken, around(*one, 8), frame)
    labels += name_curves([("minor", "unit circle", unit)], taken, frame)
    cross = "".join(f"M{x - 7:.1f},{y - 7:.1f}l14,14m0,-14l-14,14" for x, y in crosses)
    grid, ticks = axes((-HALF, HALF), 0.5, LEFT, TOP, SIDE)
    discs = "".join(
        f'<circle class="dx-{style}" cx="{SIDE // 2}" cy="{SIDE // 2}" r="{SIDE / 2 / HALF:.1f}"/>'
        for style in ("area", "diagonal")
    )
    return (
        f'{ticks}<svg x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" overflow="hidden">'
        f'<path class="dx-grid" d="{grid}"/>{discs}'
        f"{''.join(circle('nought', x, y, 8) for x, y in noughts)}"
        f'<path class="dx-cross" d="{cross}"/>{labels}</svg>'
        f'<rect class="dx-frame" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
    )
