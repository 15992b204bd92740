"""The explorable *truncation*: the K-step unroll as a FIR filter, under a window.

The picture is drawn here for the page without scripts and by ``truncation.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

import math
from typing import Any

from deqlab.explore._arguments import on_slider, one_of, root, whole
from deqlab.explore._drawing import (
    along,
    circle,
    line,
    number,
    picture,
    size,
    text_at,
)
from deqlab.explore._explorable import Explorable
from deqlab.explore._plots import log_axes, name_curves
from deqlab.explore._windows import MOST, WINDOWS, error

SIZE, LEFT, TOP, WIDTH, HEIGHT = 400, 50, 32, 332, 324  # the picture and the plot inside it
LIMITS = {
    "a": (-0.99, 0.99),
    "radius": (0, 0.99),
    "angle": (0, 180),
    "taps": (1, MOST),
    "relaxation": (0.05, 1),
}
STYLES = {
    "rectangle": ("rectangle", "red", "orbit"),
    "half-hann": ("half-Hann", "purple", "other"),
    "half-triangular": ("half-triangular", "green", "lower"),
    "binomial": ("binomial", "blue", "axis"),
}


def truncation(
    pole: float | tuple[float, int] = 0.9,
    *,
    window: str = "rectangle",
    taps: int = 32,
    relaxation: float = 0.5,
) -> Explorable:
    """Return the truncation of an iteration, seen as a filter, as an interactive figure.

    The iteration z ← a z + b x from z_0 = 0 is a recursive filter (IIR) with the impulse response
    h_k = a^k b; its K-step unroll keeps the first K taps (FIR). For the constant input its error is
    |z_K − z*| = |a|^K |z*|. Averages Σ P_j z_j of the iterates multiply the taps by the window
    w_k = Σ_{j>k} P_j:

    - *rectangle*: the last iterate alone, plain iteration,
    - *half-triangular*: the mean of z_1, ..., z_K (Cesàro),
    - *binomial*: the K-th iterate of z ← (1 − τ) z + τ (a z + b x),
    - *half-Hann*: w_k = (1 + cos(π k / K)) / 2.

    The figure shows |z − z*| / |z*| against K for the four on a logarithmic scale, the windowed
    taps, and |H(e^{iω})| of both filters. For a conjugate pair A is a rotation times r, which makes
    the iteration z ← p z + b x of the complex plane; the taps are of its real part, r^k cos kθ.

    Parameters
    ----------
    pole : float or (float, int)
        a, a multiple of 0.01 from -0.99 to 0.99, or radius r (0 to 0.99) and angle θ (0 to 180
        degrees) of a conjugate pair.
    window : {"rectangle", "half-hann", "half-triangular", "binomial"}
        The window whose taps and frequency response are drawn.
    taps : int
        K, from 1 to 64.
    relaxation : float
        τ, a multiple of 0.01 from 0.05 to 1.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError
        If a number is not a real number, an integer is none, or pole is neither a number nor a
        pair.
    ValueError
        If window is unknown, or a number is out of its slider's range or between its marks.

    Examples
    --------
    >>> truncation(0.9).caption.split(": ")[1]
    'rectangle 0.034, binomial 0.194, half-Hann 0.228, half-triangular 0.272.'
    """
    one_of("window", window, WINDOWS)
    if pole is None:
        raise TypeError("pole is None; expected a number, or (radius, angle in degrees)")
    given = root("pole", pole, LIMITS["a"], LIMITS["radius"])
    state: dict[str, Any] = {
        **dict(zip(("pole", "a", "radius", "angle"), given, strict=True)),
        "taps": whole("taps", taps, (1, MOST)),
        "window": window,
        "relaxation": on_slider("relaxation", relaxation, LIMITS["relaxation"]),
    }
    kind, a, radius, angle = given
    text = number(a, 2)
    if kind == "pair":
        text = f"{number(radius, 2)} e^(± {angle}° i)"
    else:
        radius, angle = abs(a), 180 if a < 0 else 0
    errors = {
        name: [error(name, k, radius, angle, relaxation) for k in range(1, MOST + 1)]
        for name in WINDOWS
    }
    order = sorted(WINDOWS, key=lambda name: errors[name][taps - 1])
    counts = ", ".join(f"{STYLES[name][0]} {_shown(errors[name][taps - 1])}" for name in order)
    verdict = f"|z − z*| / |z*| at K = {taps}: {counts}"
    what = f"pole {text}, τ = {number(relaxation, 2)}"
    return Explorable(
        kind="truncation",
        scripts=("drawing.js", "filter.js", "windows.js", "truncation.js"),
        config={"state": state, "limits": LIMITS},
        picture=picture(SIZE, SIZE, _draw(state, errors)),
        alt=f"Error of the fixed point against the number of taps, {what}; {verdict}.",
        caption=f"{verdict}.",
    )


def _shown(value: float) -> str:
    return "below 10⁻¹²" if value < 1e-12 else size(value)


def _draw(state: dict[str, Any], errors: dict[str, list[float]]) -> str:
    """Return what the picture shows."""
    least = min((value for values in errors.values() for value in values if value > 0), default=1)
    low = max(-16, min(-2, math.floor(math.log10(least))))
    x, y, axes = log_axes((0, 0, WIDTH, HEIGHT), (low, 0), math.ceil(-low / 6), (1, MOST), "taps K")
    curves = {
        name: [(x(k), y(value)) for k, value in enumerate(values, start=1)]
        for name, values in errors.items()
    }
    names = [(STYLES[name][1], STYLES[name][0], points) for name, points in curves.items()]
    taken = [spot for points in curves.values() for spot in along(points)]
    labels = name_curves(names, taken, (WIDTH, HEIGHT))
    lines = "".join(
        f'<path class="dx-{STYLES[name][2]}" d="{line(points)}"/>'
        for name, points in curves.items()
    )
    place = x(state["taps"])
    dot = circle("dot", place, y(errors[state["window"]][state["taps"] - 1]), 5)
    return (
        f"{text_at('minor', LEFT, 20, 'relative error |z − z*| / |z*|')}"
        f'<g transform="translate({LEFT},{TOP})">{axes}'
        f'<path class="dx-diagonal dx-dashed" d="M{place:.1f},0V{HEIGHT}"/>{lines}{dot}{labels}'
        f'<rect class="dx-frame" x="0" y="0" width="{WIDTH}" height="{HEIGHT}"/></g>'
        f"{circle('grip', LEFT + place, TOP + HEIGHT, 8)}"
    )
