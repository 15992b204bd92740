"""The explorable *flow and equilibrium*: particles under an ODE and under a fixed-point iteration.

The picture is drawn here for the page without scripts and by ``flow_and_equilibrium.js`` for the
reader's moves, with the same geometry; a test compares the two.
"""

import math
from typing import Any

from deqlab.explore._arguments import real
from deqlab.explore._drawing import Point, axes, dotted, line, number, picture, text_at
from deqlab.explore._explorable import Explorable
from deqlab.explore._measured import listed, reals

WIDTH, HEIGHT, TOP, SIDE, LEFTS = 400, 216, 34, 152, (40, 242)  # the picture and its two squares
MOST, FRAMES, POSITIONS, TRAILS = 200, 61, 8000, 24
DIRECTIONS, TIED = 180, 1e-9
Particles = list[Point]


def flow_and_equilibrium(
    labels: Any, flow: Any, equilibrium: Any, *, times: Any = None, start: float = 1.0
) -> Explorable:
    """Return particles under a planar flow and under an equilibrium map as an interactive figure.

    One slider moves both: the flow in time, the equilibrium map through the steps of its iteration.
    Each panel says for how many of the particles the best straight line is right about the label,
    which is what a linear read-out could use; a homeomorphism of the plane cannot open an annulus.

    Parameters
    ----------
    labels : sequence of int (N,)
        0 or 1 for each of 2 to 200 particles.
    flow : array (T, N, 2)
        Where the particles are at each of 2 to 61 times; the first is the data.
    equilibrium : array (K, N, 2)
        The states z_k of the particles, from k = 0; 2 to 61 of them. N (T + K) is at most 8000.
    times : sequence of float (T,), optional
        Rising. Default: equal parts from 0 to 1.
    start : float
        How far the reader starts, from 0 to 1.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError, ValueError
        If an array is of another shape, a number is not finite, or there are too many.

    Examples
    --------
    >>> points = [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.2]]
    >>> moved = [[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]
    >>> flow_and_equilibrium([0, 0, 1], [points, points], [points, moved]).caption
    'A line is right for 100 % of the particles at t = 1.00, for 100 % after 1 step.'
    """
    kinds = listed("labels", labels)
    if not 2 <= len(kinds) <= MOST or any(kind not in (0, 1) for kind in kinds):
        raise ValueError(
            f"labels has {len(kinds)} elements of the values {sorted(set(map(str, kinds)))}; "
            f"expected 2 to {MOST} labels, each 0 or 1"
        )
    kinds = [int(kind) for kind in kinds]
    moving = [
        _frames(name, value, len(kinds))
        for name, value in (("flow", flow), ("equilibrium", equilibrium))
    ]
    count = len(kinds) * sum(map(len, moving))
    if count > POSITIONS:
        raise ValueError(
            f"there are {count} positions; expected at most {POSITIONS}: leave some out"
        )
    size = len(moving[0])
    clock = [k / (size - 1) for k in range(size)]
    if times is not None:
        clock = reals("times", times, counts=(size, size), least=-1e6)
        if clock != sorted(set(clock)):
            raise ValueError(f"times is {clock}; expected rising numbers")
    steps = max(map(len, moving)) - 1
    config = {
        "state": {"position": math.floor(real("start", start, (0, 1)) * steps + 0.5)},
        "steps": steps,
        "labels": kinds,
        "flow": moving[0],
        "equilibrium": moving[1],
        "times": clock,
    }
    verdict = _judge(config)
    return Explorable(
        kind="flow-and-equilibrium",
        scripts=("drawing.js", "flow_and_equilibrium.js"),
        config=config,
        picture=picture(WIDTH, HEIGHT, _draw(config)),
        alt=f"{len(kinds)} particles under a flow and under an equilibrium map; {verdict}.",
        caption=f"{verdict[0].upper()}{verdict[1:]}.",
    )


def _frames(name: str, value: Any, count: int) -> list[Particles]:
    """Return the positions with four decimals."""
    frames = listed(name, value)
    if not 2 <= len(frames) <= FRAMES:
        raise ValueError(f"{name} has {len(frames)} frames; expected 2 to {FRAMES}")
    found = []
    for t, frame in enumerate(frames):
        particles = listed(f"{name}[{t}]", frame)
        if len(particles) != count:
            raise ValueError(
                f"{name}[{t}] has {len(particles)} particles; expected {count}, one for each label"
            )
        pairs = [reals(f"{name}[{t}]", p, counts=(2, 2), least=-1e6) for p in particles]
        found.append([(round(x, 4), round(y, 4)) for x, y in pairs])
    return found


def separated(particles: Particles, labels: list[int]) -> float:
    """Return the share of labels that the best line is right about, over 180 directions."""
    best = 0
    for k in range(DIRECTIONS):
        x, y = math.cos(math.pi * k / DIRECTIONS), math.sin(math.pi * k / DIRECTIONS)
        order = sorted(
            (x * p + y * q, kind) for (p, q), kind in zip(particles, labels, strict=True)
        )
        right = sum(labels)  # all on the side of 1
        for j, (place, kind) in enumerate(order):
            best = max(best, right, len(labels) - right) if _apart(order, j, place) else best
            right += 1 if kind == 0 else -1
        best = max(best, right, len(labels) - right)
    return best / len(labels)


def _apart(order: list[tuple[float, int]], j: int, place: float) -> bool:
    """Whether a line fits between this particle and the one before."""
    return j == 0 or place - order[j - 1][0] > TIED


def _at(config: dict[str, Any], name: str) -> int:
    """Return the frame of a panel: both are as far along."""
    share: float = config["state"]["position"] / config["steps"]
    return math.floor(share * (len(config[name]) - 1) + 0.5)


def _judge(config: dict[str, Any]) -> str:
    """Return how many particles the best lines are right about."""
    flow, step = _at(config, "flow"), _at(config, "equilibrium")
    left, right = (
        number(100 * separated(config[name][k], config["labels"]), 0)
        for name, k in (("flow", flow), ("equilibrium", step))
    )
    when, steps = number(config["times"][flow], 2), "step" if step == 1 else "steps"
    return (
        f"a line is right for {left} % of the particles at t = {when}, "
        f"for {right} % after {step} {steps}"
    )


def _window(frames: list[Particles]) -> tuple[Point, float]:
    """Return the range of both coordinates, and the distance of its marks."""
    values = [value for particles in frames for point in particles for value in point]
    low, high = min(values), max(values)
    pad = max(0.05 * (high - low), 0.05)
    low, high = low - pad, high + pad
    tick, k = 0.1, 0
    while (high - low) / tick > 4:
        tick *= (2, 2.5, 2)[k % 3]
        k += 1
    return (low, high), tick


def _draw(config: dict[str, Any]) -> str:
    """Return what the picture shows."""
    titles = (
        f"flow, t = {number(config['times'][_at(config, 'flow')], 2)}",
        f"iteration, k = {_at(config, 'equilibrium')}",
    )
    scene = ""
    for name, left, title in zip(("flow", "equilibrium"), LEFTS, titles, strict=True):
        frames, now = config[name], _at(config, name)
        (low, high), tick = _window(frames)

        def at(point: Point, low: float = low, high: float = high) -> Point:
            return (
                (point[0] - low) / (high - low) * SIDE,
                (1 - (point[1] - low) / (high - low)) * SIDE,
            )

        grid, ticks = axes((low, high), tick, left, TOP, SIDE)
        marks = ""
        for kind, style in ((0, "axis"), (1, "orbit")):
            members = [n for n, label in enumerate(config["labels"]) if label == kind]
            if len(config["labels"]) <= TRAILS:
                trails = [line([at(frame[n]) for frame in frames[: now + 1]]) for n in members]
                marks += f'<path class="dx-{style} dx-faint" d="{"".join(trails)}"/>'
            places = dotted([at(frames[now][n]) for n in members])
            marks += f'<path class="dx-{style} dx-points" d="{places}"/>'
        scene += (
            f"{text_at('minor', left, 20, title)}{ticks}"
            f'<g transform="translate({left},{TOP})"><path class="dx-grid" d="{grid}"/>{marks}'
            f'<rect class="dx-frame" x="0" y="0" width="{SIDE}" height="{SIDE}"/></g>'
        )
    return scene
