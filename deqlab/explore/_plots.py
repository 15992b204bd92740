"""Plots of curves in the still pictures: axes, logarithmic ones, and the names of the curves.

``drawing.js`` does the same in the browser.
"""

import math
from collections.abc import Callable

from deqlab.explore._drawing import Point, label, power, text_at

Tick = tuple[float, str]
Scale = Callable[[float], float]


def plot_axes(
    plot: tuple[float, float, float, float],
    across: Point,
    up: Point,
    x_ticks: list[Tick],
    y_ticks: list[Tick],
) -> tuple[Scale, Scale, str]:
    """Return the places of two values on a plot, which end at its edges, and its axes.

    The plot is given by its left and upper edge, its width and its height, then the two ranges.
    """
    left, top, width, height = plot

    def part(value: float, low: float, high: float) -> float:
        return (min(max(value, low), high) - low) / (high - low or 1)

    def x(value: float) -> float:
        return left + width * part(value, *across)

    def y(value: float) -> float:
        return top + height * (1 - part(value, *up))

    grid = labels = ""
    for value, text in y_ticks:
        grid += f"M{left:g},{y(value):.1f}h{width:g}"
        labels += text_at("minor", left - 8, y(value) + 5, text, "end")
    for value, text in x_ticks:
        labels += text_at("minor", x(value), top + height + 20, text, "middle")
    return x, y, f'<path class="dx-grid" d="{grid}"/>{labels}'


def powers_of_ten(decades: tuple[int, int], every: int) -> list[Tick]:
    """Return the marks of a logarithmic axis, from above."""
    low, high = decades
    return [(k, power(k)) for k in range(high // every * every, low - 1, -every)]


def log_axes(
    plot: tuple[float, float, float, float],
    decades: tuple[int, int],
    every: int,
    steps: tuple[int, int],
    name: str = "k",
) -> tuple[Scale, Scale, str]:
    """Return the places of k and of a value on a logarithmic plot against k, and its axes."""
    first, last = steps
    below = [(first, str(first)), (last, str(last)), ((first + last) / 2, name)]
    x, y, markup = plot_axes(plot, steps, decades, below, powers_of_ten(decades, every))
    return x, lambda r: y(math.log10(r) if r > 0 else decades[0]), markup


def name_curves(
    curves: list[tuple[str, str, list[Point]]], taken: list[Point], frame: Point
) -> str:
    """Return a name for every curve (colour, name, points), beside one of its points."""
    labels = ""
    for colour, name, points in curves:
        if not points:
            continue
        width, last, spots = 8 * len(name), len(points) - 1, []
        for x, y in (points[last * k // 20] for k in range(1, 20)):
            spots += [(x + 8, y - 6), (x - width - 6, y + 16)]
            spots += [(x - width / 2, y - 8), (x - width / 2, y + 18)]
        labels += label(colour, name, taken, spots, frame)
    return labels
