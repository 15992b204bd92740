"""The explorable *memory and depth*: what gradients cost, as measured, against the depth.

The picture is drawn here for the page without scripts and by ``memory_depth.js`` for the reader's
moves, with the same geometry; a test compares the two.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from deqlab.explore._arguments import one_of
from deqlab.explore._drawing import along, circle, line, number, picture, size, text_at
from deqlab.explore._explorable import Explorable
from deqlab.explore._measured import positives, rising, text
from deqlab.explore._plots import Tick, name_curves, plot_axes, powers_of_ten

SIZE, LEFT, TOP, WIDTH, HEIGHT = 400, 50, 32, 332, 324  # the picture and the plot inside it
STYLES = [
    ("red", "orbit"),
    ("blue", "axis"),
    ("green", "lower"),
    ("purple", "other"),
    ("minor", "diagonal"),
    ("blue", "axis dx-dashed"),
    ("red", "orbit dx-dashed"),
    ("green", "lower dx-dashed"),
]


def memory_depth(
    depths: Sequence[int],
    memory: Mapping[str, Sequence[float]],
    *,
    time: Mapping[str, Sequence[float]] | None = None,
    unit: str = "MiB",
    depth: int | None = None,
    highlight: str = "all",
) -> Explorable:
    """Return measured memory, and time, of gradients against depth as an interactive figure.

    Both axes are logarithmic. The reader drags the depth, reads every gradient's cost there and how
    it has grown since the least depth, and picks one to stand out.

    Parameters
    ----------
    depths : sequence of int
        Where was measured: 2 to 40 rising numbers of at least 1.
    memory : mapping of str to sequence of float
        For every gradient, by its name, the peak memory at each depth, positive; 1 to 8 gradients
        with names of at most 24 characters.
    time : mapping of str to sequence of float, optional
        The seconds of the same gradients; the reader then chooses what is shown.
    unit : str
        Of the memory.
    depth : int, optional
        One of `depths`, where the reader starts. Default: the greatest.
    highlight : str
        "all", or the name of the gradient that is not drawn faintly.

    Returns
    -------
    Explorable
        Shown by a notebook when it is the value of a cell.

    Raises
    ------
    TypeError, ValueError
        If a number is none or out of range, lengths differ, `time` has other names than `memory`,
        or depth or highlight is not among what was measured.

    Examples
    --------
    >>> measured = {"unrolled": [1.5, 12.0], "implicit": [0.5, 0.5]}
    >>> memory_depth([4, 32], measured).caption
    'Memory in MiB at depth 32: implicit 0.500; unrolled 12.000.'
    """
    marks = rising("depths", depths, least=1, counts=(2, 40))
    names = list(memory)
    if not 1 <= len(names) <= len(STYLES):
        raise ValueError(f"memory has {len(names)} gradients; expected 1 to {len(STYLES)}")
    for name in names:
        text("memory", name)
    if time is not None and list(time) != names:
        raise ValueError(f"time has the names {list(time)}; expected those of memory, {names}")
    text("unit", unit)
    one_of("highlight", highlight, ("all", *names))
    one_of("depth", marks[-1] if depth is None else depth, marks)
    costs = {
        kind: [positives(f"{kind}[{name!r}]", given[name], len(marks)) for name in names]
        for kind, given in (("memory", memory), ("time", time))
        if given is not None
    }
    state = {
        "depth": len(marks) - 1 if depth is None else marks.index(depth),
        "quantity": "memory",
        "highlight": "all" if highlight == "all" else str(names.index(highlight)),
    }
    config = {"state": state, "depths": marks, "names": names, "costs": costs, "unit": unit}
    verdict = _judge(config)
    return Explorable(
        kind="memory-depth",
        scripts=("drawing.js", "memory_depth.js"),
        config=config,
        picture=picture(SIZE, SIZE, _draw(config)),
        alt=f"Cost of {len(names)} gradients against depth, on logarithmic scales; {verdict}.",
        caption=f"{verdict[0].upper()}{verdict[1:]}.",
    )


def _judge(config: dict[str, Any]) -> str:
    """Return the costs at the depth that is looked at, the least first."""
    k, names = config["state"]["depth"], config["names"]
    costs = [values[k] for values in config["costs"]["memory"]]
    order = sorted(range(len(names)), key=lambda j: costs[j])
    listed = "; ".join(f"{names[j]} {size(costs[j])}" for j in order)
    return f"memory in {config['unit']} at depth {number(config['depths'][k], 0)}: {listed}"


def _depth_ticks(depths: list[int]) -> list[Tick]:
    """Return the depths that have room for their number, from the left."""
    ticks: list[Tick] = []
    low, high = math.log10(depths[0]), math.log10(depths[-1])
    end = -math.inf
    for depth in depths:
        place = WIDTH * (math.log10(depth) - low) / (high - low)
        half = 4 * len(str(depth))
        if place - half > end + 8:
            ticks.append((math.log10(depth), str(depth)))
            end = place + half
    return ticks


def _draw(config: dict[str, Any]) -> str:
    """Return what the picture shows."""
    state, depths, costs = config["state"], config["depths"], config["costs"]["memory"]
    values = [value for row in costs for value in row]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    ends = (math.log10(depths[0]), math.log10(depths[-1]))
    ticks = powers_of_ten((low, high), math.ceil((high - low) / 6))
    x, y, axes = plot_axes((0, 0, WIDTH, HEIGHT), ends, (low, high), _depth_ticks(depths), ticks)
    curves = [
        [
            (x(math.log10(depth)), y(math.log10(value)))
            for depth, value in zip(depths, row, strict=True)
        ]
        for row in costs
    ]
    taken = [spot for points in curves for spot in along(points)]
    names = [
        (colour, name, points)
        for (colour, _), name, points in zip(STYLES, config["names"], curves, strict=False)
    ]
    labels = name_curves(names, taken, (WIDTH, HEIGHT))
    lines = ""
    for j, points in enumerate(curves):
        colour, style = STYLES[j]
        dots = "".join(circle(colour, across, up, 3) for across, up in points)
        across, up = points[state["depth"]]
        drawn = (
            f'<path class="dx-{style}" d="{line(points)}"/>{dots}{circle(colour, across, up, 6)}'
        )
        faint = state["highlight"] not in ("all", str(j))
        lines += f'<g class="dx-faint">{drawn}</g>' if faint else drawn
    place = x(math.log10(depths[state["depth"]]))
    title = f"memory in {config['unit']} against depth"
    return (
        f"{text_at('minor', LEFT, 20, title)}"
        f'<g transform="translate({LEFT},{TOP})">{axes}'
        f'<path class="dx-diagonal dx-dashed" d="M{place:.1f},0V{HEIGHT}"/>{lines}{labels}'
        f'<rect class="dx-frame" x="0" y="0" width="{WIDTH}" height="{HEIGHT}"/></g>'
        f"{circle('grip', LEFT + place, TOP + HEIGHT, 8)}"
    )
