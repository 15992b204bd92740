"""The ranges of the sliders of *tanh map in the plane*, and the states it starts from."""

import math
from typing import Any

from deqlab.explore._drawing import Point

LIMITS = {
    "l1": (-2.5, 2.5),
    "l2": (-2.5, 2.5),
    "radius": (0, 2.5),
    "angle": (0, 180),
    "c": (-10, 10),
    "turn": (-90, 90),
    "b1": (-2, 2),
    "b2": (-2, 2),
    "x": (-1.5, 1.5),
    "y": (-1.5, 1.5),
}
HALF_ANGLE = math.degrees(math.atan(0.5))  # the turn of [[-4, 8], [-2, 4]]


def _preset(
    title: str,
    activation: str,
    pair: tuple[str, float, float],
    *,
    c: float = 0.0,
    turn: float = 0.0,
    offset: Point = (0.0, 0.0),
    start: Point,
    steps: int = 30,
) -> dict[str, Any]:
    kind, p, q = pair
    l1, l2, radius, angle = (p, q, max(abs(p), abs(q)), 40) if kind == "real" else (p, -p, p, q)
    return {
        "title": title,
        "activation": activation,
        "pair": kind,
        "l1": l1,
        "l2": l2,
        "radius": radius,
        "angle": angle,
        "c": c,
        "turn": turn,
        "b1": offset[0],
        "b2": offset[1],
        "x": start[0],
        "y": start[1],
        "steps": steps,
    }


PRESETS = {
    "contraction": _preset(
        "contraction, W normal",
        "tanh",
        ("real", 0.8, 0.3),
        turn=30,
        offset=(0.2, -0.1),
        start=(-1.0, -1.0),
    ),
    "rotation": _preset(
        "rotation, shrinking", "tanh", ("complex", 0.9, 40), offset=(0.3, 0.0), start=(1.2, 0.6)
    ),
    "transient": _preset(
        "grows, then decays",
        "identity",
        ("real", 0.9, 0.5),
        c=1.6,
        turn=20,
        start=(-0.4, 0.6),
        steps=50,
    ),
    "nilpotent": _preset(
        "ρ = 0, 5 fixed points",
        "tanh",
        ("real", 0.0, 0.0),
        c=10.0,
        turn=HALF_ANGLE,
        start=(-0.3, 0.2),
    ),
    "relu": _preset(
        "ρ = 0 with ReLU",
        "relu",
        ("real", 0.0, 0.0),
        c=-5.0,
        turn=HALF_ANGLE,
        offset=(-1.0, -1.5),
        start=(1.2, 0.2),
    ),
    "several": _preset(
        "past +1: two limits", "tanh", ("real", 1.6, 1.2), turn=20, start=(0.3, -0.4)
    ),
    "cycle": _preset("past −1: a 2-cycle", "tanh", ("real", -1.6, 0.5), turn=30, start=(0.2, 0.3)),
    "circling": _preset(
        "pair past the circle", "tanh", ("complex", 1.2, 35), start=(0.1, 0.1), steps=60
    ),
}
