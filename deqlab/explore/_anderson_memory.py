"""The explorable *Anderson's memory*: how a ridge speeds the method up, or ruins it.

The picture is drawn here for the page without scripts and by ``anderson_memory.js`` for the
reader's moves, with the same geometry; a test compares the two.
"""

from typing import Any

from deqlab.explore._arguments import exponent, one_of, whole
from deqlab.explore._drawing import (
    along,
    circle,
    line,
    picture,
    power,
)
from deqlab.explore._explorable import Explorable
from deqlab.explore._plots import log_axes, name_curves
from deqlab.explore._ridge import METHODS, Run, run

SIZE, LEFT, TOP, WIDTH, HEIGHT = 400, 50, 10, 332, 344  # the picture and the plot inside it
DECADES, GOAL = (-14, 2), 1e-6
LIMITS = {"memory": (1, 12), "ridge": (-12, -1), "scale": (-6, 6), "evaluations": (20, 300)}
STYLES = {
    "plain": ("plain iteration", "minor", "diagonal"),
    "bordered": ("absolute, bordered", "red", "orbit"),
    "absolute": ("absolute, differences", "purple", "other"),
    "relative": ("relative", "blue", "curve"),
}


def anderson_memory(
    map: str = "tanh",  # noqa: A002
    *,
    memory: int = 5,
    regularization: float = 1e-4,
    state_scale: float = 1.0,
    evaluations: int = 150,
    step: int = 20,
) -> Explorable:
    """Return Anderson's method with three ridges as an interactive figure.

    The map is f_s(z) = s φ(W z / s + b) of dimension 32, with W symmetric and eigenvalues from
    −0.99 to 0.99: the same map for every s, in other units. On a logarithmic scale the figure shows
    |r_k| / |r_0|, r = f_s(z) − z, of plain iteration and of Anderson's method of memory m with

    - a *relative* ridge: min |r_k − Σ γ_j Δr_j|² + λ Σ |Δr_j|² |γ|²,
    - an *absolute* ridge in the same *difference* form: min |r_k − Σ γ_j Δr_j|² + λ |γ|²,
    - an *absolute* ridge in the *bordered* form: min |Σ α_j r_j|² + λ |α|², Σ α_j = 1.

    Beside it stand the weights α_j of the last m + 1 images f_s(z_j) in z_{k+1}. Once λ outweighs
    the residuals the bordered form tends to uniform weights 1/(m + 1), which is slower than plain
    iteration, and the difference form tends to plain iteration. Only the relative ridge does not
    depend on s.

    Parameters
    ----------
    map : {"tanh", "linear"}
        φ: tanh or the identity.
    memory : int
        m, the number of differences, from 1 to 12.
    regularization : float
        λ, a power of ten from 1e-12 to 0.1.
    state_scale : float
        s, a power of ten from 1e-6 to 1e6.
    evaluations : int
        Evaluations of f, from 20 to 300.
    step : int
        The k whose weights are shown, from 0 to evaluations − 1.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError
        If a number is not a real number, or an integer is none.
    ValueError
        If map is unknown, or a number is out of its slider's range or between its marks.

    References
    ----------
    - D. G. Anderson (1965), Iterative procedures for nonlinear integral equations, J. ACM 12.

    Examples
    --------
    >>> anderson_memory(state_scale=100).caption.split(": ", 1)[1]
    'relative 25, absolute 52, not within 150: plain, bordered.'
    """
    one_of("map", map, ("tanh", "linear"))
    evaluations = whole("evaluations", evaluations, LIMITS["evaluations"])
    state: dict[str, Any] = {
        "map": map,
        "memory": whole("memory", memory, LIMITS["memory"]),
        "ridge": exponent("regularization", regularization, LIMITS["ridge"]),
        "scale": exponent("state_scale", state_scale, LIMITS["scale"]),
        "evaluations": evaluations,
        "step": whole("step", step, (0, evaluations - 1)),
    }
    runs = {
        method: run(
            map,
            method,
            scale=10.0 ** state["scale"],
            memory=memory,
            ridge=10.0 ** state["ridge"],
            evaluations=evaluations,
        )
        for method in METHODS
    }
    verdict = _judge(runs, evaluations)
    what = f"m = {memory}, λ = {power(state['ridge'])}, s = {power(state['scale'])}"
    return Explorable(
        kind="anderson-memory",
        scripts=("drawing.js", "vectors.js", "anderson.js", "ridge.js", "anderson_memory.js"),
        config={"state": state, "limits": LIMITS | {"step": (0, evaluations - 1)}},
        picture=picture(SIZE, SIZE, _draw(state, runs)),
        alt=f"Residual of Anderson's method against evaluations, {map} map, {what}; {verdict}.",
        caption=f"{what}; {verdict}.",
    )


def _judge(runs: dict[str, Run], evaluations: int) -> str:
    """Return what every method pays for the goal, the cheapest first."""
    counts = {
        method: next((k for k, r in enumerate(runs[method].residuals, start=1) if r <= GOAL), None)
        for method in METHODS
    }
    reached = sorted((count, k) for k, count in enumerate(counts.values()) if count)
    order = [f"{METHODS[k]} {count}" for count, k in reached]
    never = [method for method, count in counts.items() if count is None]
    if never:
        order.append(f"not within {evaluations}: {', '.join(never)}")
    bordered, plain = runs["bordered"].residuals, runs["plain"].residuals
    behind = bordered[-1] > plain[-1] and len(bordered) == len(plain)
    tail = "; the bordered form ends behind plain iteration" if behind else ""
    return f"evaluations to |r| ≤ 10⁻⁶ |r₀|: {', '.join(order)}{tail}"


def _draw(state: dict[str, Any], runs: dict[str, Run]) -> str:
    """Return what the picture shows."""
    x, y, axes = log_axes((0, 0, WIDTH, HEIGHT), DECADES, 4, (0, state["evaluations"] - 1))
    curves = {
        method: [(x(k), y(r)) for k, r in enumerate(runs[method].residuals)] for method in METHODS
    }
    names = [(STYLES[method][1], STYLES[method][0], points) for method, points in curves.items()]
    taken = [spot for points in curves.values() for spot in along(points)]
    labels = name_curves(names, taken, (WIDTH, HEIGHT))
    lines = "".join(
        f'<path class="dx-{STYLES[method][2]}" d="{line(points)}"/>'
        for method, points in curves.items()
    )
    return (
        f'<g transform="translate({LEFT},{TOP})">{axes}'
        f'<path class="dx-diagonal dx-dashed" d="M{x(state["step"]):.1f},0V{HEIGHT}"/>{lines}'
        f'{labels}<rect class="dx-frame" x="0" y="0" width="{WIDTH}" height="{HEIGHT}"/></g>'
        f"{circle('grip', LEFT + x(state['step']), TOP + HEIGHT, 8)}"
    )
