"""The explorable *Banach bounds*: the true error between its bounds, and the rounding floor.

The picture is drawn here for the page without scripts and by ``banach_bounds.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

from typing import Any

from deqlab.explore._arguments import exponent, on_slider, one_of, whole
from deqlab.explore._contraction import (
    PRECISIONS,
    Bounds,
    Counts,
    Run,
    bounds,
    count,
    iterate,
    judge,
)
from deqlab.explore._drawing import (
    Point,
    along,
    circle,
    line,
    number,
    picture,
)
from deqlab.explore._explorable import Explorable
from deqlab.explore._plots import log_axes, name_curves

SIZE, LEFT, TOP, WIDTH, HEIGHT = 400, 50, 10, 332, 344  # the picture and the plot inside it
DECADES = {  # the lowest and the highest power of ten, and how far apart the marks are
    "exact": (-18, 5, 5),
    "float64": (-18, 5, 5),
    "float32": (-10, 5, 5),
    "bfloat16": (-5, 5, 2),
}
LIMITS = {
    "L": (0.1, 0.99),
    "angle": (0, 180),
    "distance": (-2, 2),
    "tol": (-15, -1),
    "steps": (10, 400),
}


def banach_bounds(
    *,
    lipschitz: float = 0.9,
    angle: int = 0,
    distance: float = 1.0,
    precision: str = "float64",
    rounding: bool = False,
    tol: float = 1e-6,
    steps: int = 200,
) -> Explorable:
    """Return the error of a contraction between its bounds as an interactive figure.

    The map is f(z) = z* + λ (z − z*) in the complex plane, with |λ| = L, so that the error
    |e_k| = |z_k − z*| is L^k |e_0| until rounding stops it. The figure shows on a logarithmic
    scale, against k,

    - the true error,
    - the a-priori bound L^k |z₁ − z₀| / (1 − L), known after one step,
    - the a-posteriori bound |f(z_k) − z_k| / (1 − L) and the lower bound |f(z_k) − z_k| / (1 + L),
    - the rounding floor η / (1 − L), and the tolerance, which can be dragged,

    and beside it λ in the unit disc: residual and error differ by the factor |1 − λ|, the distance
    of λ from 1. It is least for λ = L, where the upper bounds are attained, and greatest for
    λ = −L, where the lower bound is. In words it says at which step the tolerance is promised (a
    priori), reached (by the true error) and certified (a posteriori), and where rounding makes a
    bound false.

    The fixed point has 31 significant bits and λ is rounded to multiples of 2⁻²⁰ (L down, to
    0.8999996 for 0.9), so that the true error is known exactly. A step is evaluated in float64 and
    rounded to the precision chosen; η bounds the error of that.

    Parameters
    ----------
    lipschitz : float
        L, a multiple of 0.01 from 0.1 to 0.99.
    angle : int
        Argument of λ in degrees, from 0 (λ = L) to 180 (λ = −L).
    distance : {0.01, 0.1, 1, 10, 100}
        |z₀ − z*|, before z₀ is rounded.
    precision : {"exact", "float64", "float32", "bfloat16"}
        The format of z; "exact" takes |e_k| = L^k |e_0|.
    rounding : bool
        Whether the bounds include η, as (|f(z) − z| + η) / (1 − L) does.
    tol : float
        The tolerance, a power of ten from 1e-15 to 0.1.
    steps : int
        Number of steps drawn, from 10 to 400.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError
        If a number is not a real number, an integer is none, or rounding is no bool.
    ValueError
        If precision is unknown, or a number is out of its slider's range or between its marks.

    Examples
    --------
    >>> banach_bounds(lipschitz=0.9, angle=180).caption.split(": ")[1]
    '|eₖ| ≤ 10⁻⁶ is promised at step 160, reached at 132, certified at 160.'
    """
    one_of("precision", precision, PRECISIONS)
    if not isinstance(rounding, bool):
        raise TypeError(f"rounding is {rounding!r}; expected True or False")
    state: dict[str, Any] = {
        "L": on_slider("lipschitz", lipschitz, LIMITS["L"]),
        "angle": whole("angle", angle, (0, 180)),
        "distance": exponent("distance", distance, (-2, 2)),
        "precision": precision,
        "bounds": "rounding" if rounding else "textbook",
        "tol": exponent("tol", tol, (-15, -1)),
        "steps": whole("steps", steps, (10, 400)),
    }
    run = iterate(state["L"], angle, 10.0 ** state["distance"], precision)
    limits = bounds(run, rounding=rounding)
    counts = count(run, limits, 10.0 ** state["tol"])
    verdict = judge(run, counts, state["tol"]).text
    what = f"L = {number(state['L'], 2)}, λ at {angle}°, {precision}"
    return Explorable(
        kind="banach-bounds",
        scripts=("drawing.js", "contraction.js", "banach_bounds.js"),
        config={"state": state, "limits": LIMITS},
        picture=picture(SIZE, SIZE, _draw(state, run, limits, counts)),
        alt=f"Error and its bounds on a logarithmic scale, {what}: {verdict}.",
        caption=f"{what}: {verdict}.",
    )


def _draw(state: dict[str, Any], run: Run, limits: Bounds, counts: Counts) -> str:
    """Return what the picture shows."""
    steps, tol = state["steps"], 10.0 ** state["tol"]
    low, high, every = DECADES[state["precision"]]
    x, y, axes = log_axes((0, 0, WIDTH, HEIGHT), (low, high), every, (0, steps))

    def curve(values: list[float]) -> list[Point]:
        return [(x(k), y(r)) for k, r in enumerate(values[: steps + 1])]

    def path(name: str, points: list[Point]) -> str:
        return f'<path class="dx-{name}" d="{line(points)}"/>' if points else ""

    error, prior = curve(run.errors), curve(limits.prior)
    posterior, lower = curve(limits.posterior), curve(limits.lower)
    floor = [(0.0, y(run.floor)), (WIDTH, y(run.floor))] if run.floor else []
    level = [(0.0, y(tol)), (WIDTH, y(tol))]
    marks = ""
    for name, k in (
        ("axis dx-dashed", counts.promised),
        ("axis", counts.certified),
        ("orbit", counts.reached),
    ):
        if k is not None and k <= steps:
            marks += path(name, [(x(k), y(tol)), (x(k), HEIGHT)])

    taken = [spot for c in (error, prior, posterior, lower, floor) for spot in along(c)]
    curves = [
        ("red", "true error", error),
        ("blue", "a posteriori", posterior),
        ("blue", "a priori", prior),
        ("green", "lower bound", lower),
        ("minor", "rounding floor", along(floor)),
        ("minor", "tolerance", along(level)),
    ]
    labels = name_curves(curves, taken, (WIDTH, HEIGHT))
    return (
        f'<g transform="translate({LEFT},{TOP})">{axes}{path("area", posterior + lower[::-1])}'
        f"{path('diagonal dx-dashed', floor)}{path('diagonal', level)}{path('curve', posterior)}"
        f"{path('lower', lower)}{path('axis dx-dashed', prior)}{marks}{path('orbit', error)}"
        f'{labels}<rect class="dx-frame" x="0" y="0" width="{WIDTH}" height="{HEIGHT}"/></g>'
        f"{circle('grip', LEFT + WIDTH, TOP + y(tol), 8)}"
    )
