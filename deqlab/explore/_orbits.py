"""Scalar maps, their fixed points, and what becomes of an orbit. Plain floats throughout.

``orbits.js`` does the same in the browser; a test compares the two.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from deqlab.explore._drawing import number, size

HORIZON = 10_000  # steps after which an orbit is judged
FAR = 1e6  # no orbit of a map below returns from beyond, within the sliders' ranges
LONGEST_CYCLE = 64


@dataclass(frozen=True, kw_only=True)
class Map:
    """z -> f(z, a, b) with its derivative, its fixed points and the ranges of its controls."""

    formula: str
    f: Callable[[float, float, float], float]
    derivative: Callable[[float, float, float], float]
    fixed_points: Callable[[float, float], list[float]]
    window: tuple[float, float]
    tick: float
    a: tuple[float, float]
    a_name: str
    b: tuple[float, float] | None = None
    default: tuple[float, float, float]  # a, b, start


def _zeros(g: Callable[[float], float], breaks: list[float]) -> list[float]:
    """Return the zeros of g, which is monotone between consecutive breaks."""
    zeros: list[float] = [z for z in breaks if abs(g(z)) <= 1e-14]
    for left, right in pairwise(breaks):
        if min(abs(g(left)), abs(g(right))) <= 1e-14 or (g(left) > 0) == (g(right) > 0):
            continue
        rising = g(right) > 0
        for _ in range(60):
            middle = (left + right) / 2
            if (g(middle) > 0) == rising:
                right = middle
            else:
                left = middle
        zeros.append((left + right) / 2)
    zeros.sort()
    return [z for k, z in enumerate(zeros) if k == 0 or z - zeros[k - 1] > 1e-9]


def _affine(a: float, b: float) -> list[float]:
    return [] if a == 1 else [b / (1 - a) + 0.0]


def _cos(a: float, b: float) -> list[float]:
    turn = math.asin(1 / a) if a >= 1 else None  # (cos(a z) - z)' = 0 at sin(a z) = -1/a
    inner = [] if turn is None else [(turn - math.pi) / a, -turn / a]
    return _zeros(lambda z: math.cos(a * z) - z, [-1, *(z for z in inner if z > -1), 1])


def _tanh(a: float, b: float) -> list[float]:
    turn = math.acosh(math.sqrt(a)) if a >= 1 else None  # a / cosh(a z + b)**2 = 1
    inner = [] if turn is None else [(-turn - b) / a, (turn - b) / a]
    return _zeros(lambda z: math.tanh(a * z + b) - z, [-1, *(z for z in inner if abs(z) < 1), 1])


def _babylonian(a: float, b: float) -> list[float]:
    return [-math.sqrt(a), math.sqrt(a)]


def _logistic(a: float, b: float) -> list[float]:
    return [0.0] if a in (0, 1) else sorted([0.0, 1 - 1 / a])


MAPS = {
    "affine": Map(
        formula="a z + b",
        f=lambda z, a, b: a * z + b,
        derivative=lambda z, a, b: a,
        fixed_points=_affine,
        window=(-4, 4),
        tick=2,
        a=(-1.5, 1.5),
        a_name="slope",
        b=(-2, 2),
        default=(0.5, 1, -3),
    ),
    "cos": Map(
        formula="cos(a z)",
        f=lambda z, a, b: math.cos(a * z),
        derivative=lambda z, a, b: -a * math.sin(a * z),
        fixed_points=_cos,
        window=(-1.2, 1.2),
        tick=0.5,
        a=(0, 3),
        a_name="frequency",
        default=(1, 0, 0.1),
    ),
    "tanh": Map(
        formula="tanh(a z + b)",
        f=lambda z, a, b: math.tanh(a * z + b),
        derivative=lambda z, a, b: a * (1 - math.tanh(a * z + b) ** 2),
        fixed_points=_tanh,
        window=(-1.2, 1.2),
        tick=0.5,
        a=(-3, 3),
        a_name="weight",
        b=(-1, 1),
        default=(2, 0, 0.1),
    ),
    "babylonian": Map(
        formula="(z + a/z) / 2",
        f=lambda z, a, b: (z + a / z) / 2 if z else math.inf,
        derivative=lambda z, a, b: (1 - a / (z * z)) / 2,
        fixed_points=_babylonian,
        window=(-4, 4),
        tick=2,
        a=(0.25, 9),
        a_name="number",
        default=(2, 0, 0.5),
    ),
    "logistic": Map(
        formula="a z (1 − z)",
        f=lambda z, a, b: a * z * (1 - z),
        derivative=lambda z, a, b: a * (1 - 2 * z),
        fixed_points=_logistic,
        window=(-0.2, 1.2),
        tick=0.5,
        a=(0, 4),
        a_name="growth",
        default=(2.8, 0, 0.1),
    ),
}


@dataclass(frozen=True)
class FixedPoint:
    """A fixed point z with the derivative of the map there."""

    z: float
    slope: float

    @property
    def kind(self) -> str:
        """``attracting``, ``repelling`` or ``marginal``: |f'(z*)| below, above or equal to 1."""
        if abs(abs(self.slope) - 1) <= 1e-9:
            return "marginal"
        return "attracting" if abs(self.slope) < 1 else "repelling"


@dataclass(frozen=True)
class Verdict:
    """What becomes of an orbit: ``kind`` for a program, ``text`` for a reader."""

    kind: str
    text: str


def orbit(f: Callable[[float], float], start: float, steps: int) -> list[float]:
    """Return z_0, ..., z_steps, or fewer: the orbit ends where it leaves [-FAR, FAR]."""
    points = [start]
    while len(points) <= steps and abs(points[-1]) <= FAR:
        points.append(f(points[-1]))
    return points


def judge(f: Callable[[float], float], start: float, fixed: list[FixedPoint]) -> Verdict:
    """Say what becomes of the orbit of f from start, from `HORIZON` steps of it."""
    points = orbit(f, start, HORIZON)
    last = points[-1]
    if not math.isfinite(last):
        return Verdict("undefined", f"undefined: step {len(points) - 1} divides by zero")
    if abs(last) > FAR:
        passed = f"diverges: |zₖ| passes one million at step {len(points) - 1}"
        return Verdict("diverges", f"{passed} ({_slope(fixed[0])})" if len(fixed) == 1 else passed)
    if not fixed:
        if points[1] == start:
            return Verdict("identity", "marginal: f(z) = z, so every start is a fixed point")
        end = "+∞" if points[1] > start else "−∞"
        return Verdict(
            "diverges", f"diverges to {end}: no fixed point, so every step goes the same way"
        )
    limit = min(fixed, key=lambda point: abs(point.z - last))
    if abs(f(last) - last) <= 1e-12 * max(1, abs(last)) and abs(limit.z - last) < 1e-6:
        return _landed(limit, fixed)
    for period in range(2, LONGEST_CYCLE + 1):
        cycle = points[-period:]
        if abs(last - points[-1 - period]) <= 1e-9 and max(cycle) - min(cycle) > 1e-3:
            neutral = limit.kind == "marginal" and abs(points[2] - start) <= 1e-9
            return _cycle(cycle, limit if neutral else None)
    away, before = abs(limit.z - last), abs(limit.z - points[HORIZON // 2])
    if limit.kind != "repelling" and away < before:
        lead = "marginal: creeps" if limit.kind == "marginal" else "converges, slowly,"
        return Verdict(
            "slow",
            f"{lead} towards {number(limit.z)} ({_slope(limit)}), "
            f"still {size(away)} away after 10⁴ steps",
        )
    return Verdict(
        "bounded", "stays bounded without settling: no cycle up to length 64 in 10⁴ steps"
    )


def _slope(point: FixedPoint) -> str:
    return f"|f\u200a′(z*)| = {number(abs(point.slope), 3)}"


def _landed(limit: FixedPoint, fixed: list[FixedPoint]) -> Verdict:
    at = f"{number(limit.z)} ({_slope(limit)})"
    if limit.kind == "marginal":
        return Verdict("marginal", f"marginal: lands on {at}; the slope alone decides nothing")
    if limit.kind == "repelling":
        text = f"lands exactly on the repelling fixed point {at}: any nudge drives it away"
        return Verdict("balanced", text)
    if abs(limit.slope) < 1e-9:
        manner = "faster than any geometric sequence"
    else:
        manner = "from one side" if limit.slope > 0 else "alternating from side to side"
    others = [point.kind for point in fixed if point is not limit]
    if "attracting" in others:
        company = f"; one of {1 + others.count('attracting')} attracting fixed points"
    elif others:
        company = f"; of {len(fixed)} fixed points only this one attracts"
    else:
        company = ""
    return Verdict("converges", f"converges to {at}, {manner}{company}")


def _cycle(cycle: list[float], neutral: FixedPoint | None) -> Verdict:
    first = cycle.index(min(cycle))
    shown = [number(z) for z in cycle[first:] + cycle[:first]]
    if len(cycle) == 2:
        swap = " ↔ ".join(shown)
        if neutral:
            return Verdict("cycle", f"marginal: swaps {swap} for ever ({_slope(neutral)})")
        return Verdict("cycle", f"oscillates: settles on the 2-cycle {swap}")
    values = " → ".join(shown[:4]) + (" → …" if len(cycle) > 4 else "")
    return Verdict("cycle", f"oscillates: settles on a {len(cycle)}-cycle, {values}")
