"""The explorable *tolerance and gradient*: what an inexact solve does to the implicit gradient.

The picture is drawn here for the page without scripts and by ``gradient_tolerance.js`` for the
reader's moves, with the same geometry; a test compares the two.
"""

import math
from typing import Any

from deqlab.explore._arguments import exponent, on_slider, whole
from deqlab.explore._drawing import (
    along,
    circle,
    line,
    number,
    picture,
    power,
    size,
    text_at,
)
from deqlab.explore._explorable import Explorable
from deqlab.explore._plots import name_curves, plot_axes, powers_of_ten

SIZE, LEFT, TOP, WIDTH, HEIGHT = 400, 50, 32, 332, 324  # the picture and the plot inside it
DECADES, FORWARD, FINEST = (-12, 3), (-12, -1), 1e-12
LIMITS = {
    "rate": (0.5, 0.99),
    "forward": FORWARD,
    "adjoint": (-12, -1),
    "terms": (1, 40),
    "unrolled": (1, 200),
}


def gradient_tolerance(
    *,
    rate: float = 0.9,
    forward_tol: float = 1e-4,
    adjoint_tol: float = 1e-8,
    terms: int = 5,
    unrolled: int = 20,
) -> Explorable:
    """Return the error of implicit and cheap gradients as an interactive figure.

    The layer is z = tanh(W z + b) of dimension 8 with W symmetric, ‖W‖₂ = L; the loss is
    ½ |z* − y|², differentiated in b. The figure shows the relative error |ĝ − g| / |g| against the
    tolerance r of the forward solve, and beside it against the contraction rate L, of

    - the implicit gradient, with an adjoint solve to the tolerance s,
    - its bound (C₁ s/(1 − L) + C₂ r/(1 − L)² + C₃ r/(1 − L)³) / |g|, with the constants computed:
      C₁ = 1, C₂ = 1 + β L |v|, C₃ = β L² |v|, where v = z* − y and β = max |tanh''| = 4/(3√3),
    - JFB, which leaves out (I − J)⁻¹, and the Neumann series cut after some terms, both at ẑ,
    - backpropagation through an unrolled iteration, which has no tolerance.

    Tolerances are Euclidean norms of residuals: of f(ẑ) − ẑ and of (I − Ĵ)ᵀ ŵ − v̂. Both systems are
    solved by plain iteration from 0. For every L the fixed point is the same and known exactly.

    Parameters
    ----------
    rate : float
        L, a multiple of 0.01 from 0.5 to 0.99.
    forward_tol, adjoint_tol : float
        r and s, powers of ten from 1e-12 to 0.1.
    terms : int
        Terms of the Neumann series, from 1 (JFB) to 40.
    unrolled : int
        Unrolled steps, from 1 to 200.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError
        If a number is not a real number, or an integer is none.
    ValueError
        If a number is out of its slider's range or between its marks.

    Examples
    --------
    >>> gradient_tolerance(rate=0.5).caption.split("; ")[1].split(", ")[0]
    'relative error of the gradient: implicit 1.1 × 10⁻⁴ (bound 3.1 × 10⁻⁴)'
    """
    state: dict[str, Any] = {
        "rate": on_slider("rate", rate, LIMITS["rate"]),
        "forward": exponent("forward_tol", forward_tol, FORWARD),
        "adjoint": exponent("adjoint_tol", adjoint_tol, (-12, -1)),
        "terms": whole("terms", terms, (1, 40)),
        "unrolled": whole("unrolled", unrolled, (1, 200)),
    }
    rows, chosen = _sweep(state)
    verdict = (
        f"relative error of the gradient: implicit {_shown(chosen['implicit'])} "
        f"(bound {_shown(chosen['bound'])}), unrolled {unrolled}: {_shown(chosen['unrolled'])}, "
        f"Neumann {terms}: {_shown(chosen['neumann'])}, JFB {_shown(chosen['jfb'])}"
    )
    what = f"L = {number(rate, 2)}, r = {power(state['forward'])}, s = {power(state['adjoint'])}"
    alt = f"Error of the gradient against the tolerance of the forward solve, {what}; {verdict}."
    return Explorable(
        kind="gradient-tolerance",
        scripts=("drawing.js", "vectors.js", "gradient.js", "gradient_tolerance.js"),
        config={"state": state, "limits": LIMITS},
        picture=picture(SIZE, SIZE, _draw(state, rows)),
        alt=alt,
        caption=f"{what}; {verdict}.",
    )


def _shown(error: float) -> str:
    return "below 10⁻¹²" if error < 1e-12 else size(error)  # and then rounding


def _sweep(state: dict[str, Any]) -> tuple[list[tuple[float, dict[str, float]]], dict[str, float]]:
    """Return the errors at log₁₀ r = −12, −11.5, ..., −1, and those at the chosen tolerance."""
    import numpy as np

    from deqlab.explore._gradient import implicit, layer, neumann, states, unrolled

    given, s = layer(state["rate"]), 10.0 ** state["adjoint"]
    visited = states(given, FINEST)
    residuals = [float(np.linalg.norm(np.tanh(given.W @ z + given.b) - z)) for z in visited]
    fixed = given.error(unrolled(given, state["unrolled"]))

    def errors(r: float) -> dict[str, float]:
        k = next((k for k, residual in enumerate(residuals) if residual <= r), -1)
        z = visited[k]
        return {
            "bound": given.bound(r, s),
            "implicit": given.error(implicit(given, z, s)[0]),
            "neumann": given.error(neumann(given, z, state["terms"])),
            "jfb": given.error(neumann(given, z, 1)),
            "unrolled": fixed,
        }

    rows = [(half / 2, errors(10.0 ** (half / 2))) for half in range(-24, -1)]
    return rows, errors(10.0 ** state["forward"])


def _draw(state: dict[str, Any], rows: list[tuple[float, dict[str, float]]]) -> str:
    """Return what the picture shows."""
    ticks = [(k, power(k)) for k in FORWARD] + [(-6.5, "forward tolerance r")]
    x, y, axes = plot_axes(
        (0, 0, WIDTH, HEIGHT), FORWARD, DECADES, ticks, powers_of_ten(DECADES, 4)
    )
    styles = {
        "bound": ("bound", "blue", "axis dx-dashed"),
        "implicit": ("implicit", "blue", "curve"),
        "jfb": ("JFB", "red", "orbit"),
        "neumann": (f"Neumann {state['terms']}", "purple", "other"),
        "unrolled": (f"unrolled {state['unrolled']}", "green", "lower"),
    }
    curves = {
        name: [(x(place), y(math.log10(max(errors[name], 1e-300)))) for place, errors in rows]
        for name in styles
    }
    taken = [spot for points in curves.values() for spot in along(points)]
    names = [
        (colour, title, curves[name][::-1] if name in ("bound", "implicit") else curves[name])
        for name, (title, colour, _) in styles.items()
    ]
    labels = name_curves(names, taken, (WIDTH, HEIGHT))
    lines = "".join(
        f'<path class="dx-{styles[name][2]}" d="{line(points)}"/>'
        for name, points in curves.items()
    )
    place = x(state["forward"])
    return (
        f"{text_at('minor', LEFT, 20, 'relative error of the gradient')}"
        f'<g transform="translate({LEFT},{TOP})">{axes}'
        f'<path class="dx-diagonal dx-dashed" d="M{place:.1f},0V{HEIGHT}"/>{lines}{labels}'
        f'<rect class="dx-frame" x="0" y="0" width="{WIDTH}" height="{HEIGHT}"/></g>'
        f"{circle('grip', LEFT + place, TOP + HEIGHT, 8)}"
    )
