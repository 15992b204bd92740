"""Five solvers of z = f(z) in the plane, with the evaluations of f that each has paid.

Plain floats throughout. ``race.js`` does the same in the browser; a test compares the two. With
the residual r(z) = f(z) − z of the unrelaxed map,

- Picard goes to z + r, relaxed Picard to z + τ r: one evaluation a step;
- Anderson mixes the last m + 1 iterates (difference form, relative ridge): one evaluation;
- Broyden's good method goes to z − H r, where H, at first −I, is changed by a matrix of rank 1 so
  that H Δr = Δz: one evaluation;
- Newton goes to z + (I − J)⁻¹ r: one evaluation and two products J e₁, J e₂, counted as one each.

They are the textbook's methods: no safeguard, no line search.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deqlab.explore._anderson import difference_weights, minus, mixed, spread
from deqlab.explore._drawing import Point
from deqlab.explore._plane import FAR, FixedPoint, Matrix, Spectrum, fixed_points, step

RIDGE = 1e-12  # of Anderson, relative to the sum of the squared differences
GOAL, ENOUGH = 1e-8, 1e-14  # the residual that is asked for, and one at which a run ends
HORIZON = 400  # evaluations after which a run is given up
OFFSET = (0.1, -0.05)
SPECTRA = {  # of W / c: a pair e^{±iθ} or two real eigenvalues, departure from normality, turn
    "symmetric": Spectrum(False, 1, -0.6, 0, 30),
    "rotation": Spectrum(True, 1, 75, 0, 0),
    "nonnormal": Spectrum(False, 1, 0.7, 2, 20),
    "shift": Spectrum(False, 0, 0, 1, 0),
}


@dataclass(frozen=True)
class Visit:
    """An iterate z, |f(z) − z|, and the evaluations paid up to and including f(z)."""

    z: Point
    residual: float
    spent: int


@dataclass(frozen=True)
class Problem:
    """A map of the plane with its Jacobian and its fixed points."""

    f: Callable[[Point], Point]
    jacobian: Callable[[Point], Matrix]
    fixed: list[FixedPoint]


def problem(name: str, scale: float) -> Problem:
    """Return tanh(c W z + b), or the Babylonian map (z + i/z)/2 of the complex plane."""
    if name == "babylonian":
        root = math.sqrt(0.5)
        return Problem(
            _babylonian,
            _babylonian_jacobian,
            [FixedPoint((-root, -root), (0, 0)), FixedPoint((root, root), (0, 0))],
        )
    first, second = SPECTRA[name].matrix()
    W = (scale * first[0], scale * first[1]), (scale * second[0], scale * second[1])

    def f(z: Point) -> Point:
        return step("tanh", W, OFFSET, z)

    def jacobian(z: Point) -> Matrix:
        x, y = f(z)
        p, q = 1 - x * x, 1 - y * y
        return (p * W[0][0], p * W[0][1]), (q * W[1][0], q * W[1][1])

    return Problem(f, jacobian, fixed_points("tanh", W, OFFSET))


def _babylonian(z: Point) -> Point:
    x, y = z
    square = x * x + y * y
    return ((x + y / square) / 2, (y + x / square) / 2) if square else (math.inf, math.inf)


def _babylonian_jacobian(z: Point) -> Matrix:
    x, y = z
    fourth = (x * x + y * y) ** 2
    p, q = (1 - 2 * x * y / fourth) / 2, (y * y - x * x) / fourth / 2
    return (p, -q), (q, p)


def race(given: Problem, start: Point, relaxation: float, memory: int) -> dict[str, list[Visit]]:
    """Return the iterates of every solver."""
    return {
        "picard": _run(given, start, 1, lambda z, r: (z[0] + r[0], z[1] + r[1])),
        "relaxed": _run(
            given, start, 1, lambda z, r: (z[0] + relaxation * r[0], z[1] + relaxation * r[1])
        ),
        "anderson": _run(given, start, 1, _anderson(memory)),
        "broyden": _run(given, start, 1, _broyden()),
        "newton": _run(given, start, 3, _newton(given)),
    }


def _run(
    given: Problem, start: Point, cost: int, move: Callable[[Point, Point], Point]
) -> list[Visit]:
    z, path = start, []
    for spent in range(1, HORIZON + 1, cost):
        x, y = given.f(z)
        r = (x - z[0], y - z[1])
        residual = math.hypot(*r)
        if not math.isfinite(residual):
            break
        path.append(Visit(z, residual, spent))
        if residual <= ENOUGH or math.hypot(*z) > FAR:
            break
        z = move(z, r)
    return path


def _anderson(memory: int) -> Callable[[Point, Point], Point]:
    residuals: list[list[float]] = []
    images: list[list[float]] = []

    def move(z: Point, r: Point) -> Point:
        residuals.append([*r])
        images.append([z[0] + r[0], z[1] + r[1]])
        del residuals[: -memory - 1], images[: -memory - 1]
        weights = difference_weights(residuals, RIDGE * spread(residuals))
        x, y = mixed(weights, images)
        return x, y

    return move


def _broyden() -> Callable[[Point, Point], Point]:
    H: Any = ((-1.0, 0.0), (0.0, -1.0))
    last: tuple[Point, Point] | None = None

    def move(z: Point, r: Point) -> Point:
        nonlocal H, last
        if last:
            (dx, dy), (du, dv) = minus([*z], [*last[0]]), minus([*r], [*last[1]])
            hx, hy = H[0][0] * du + H[0][1] * dv, H[1][0] * du + H[1][1] * dv
            p, q = dx * H[0][0] + dy * H[1][0], dx * H[0][1] + dy * H[1][1]
            below = dx * hx + dy * hy
            if below:
                u, v = (dx - hx) / below, (dy - hy) / below
                H = (
                    (H[0][0] + u * p, H[0][1] + u * q),
                    (H[1][0] + v * p, H[1][1] + v * q),
                )
        last = z, r
        return (
            z[0] - (H[0][0] * r[0] + H[0][1] * r[1]),
            z[1] - (H[1][0] * r[0] + H[1][1] * r[1]),
        )

    return move


def _newton(given: Problem) -> Callable[[Point, Point], Point]:
    def move(z: Point, r: Point) -> Point:
        (a, b), (c, d) = given.jacobian(z)
        determinant = (1 - a) * (1 - d) - b * c
        if not determinant:
            return math.inf, math.inf
        return (
            z[0] + ((1 - d) * r[0] + b * r[1]) / determinant,
            z[1] + (c * r[0] + (1 - a) * r[1]) / determinant,
        )

    return move


def limit(path: list[Visit], fixed: list[FixedPoint]) -> FixedPoint | None:
    """Return the fixed point that the last iterate is next to; the errors are measured from it."""
    if not path:
        return None
    return min(fixed, key=lambda point: math.dist(point.z, path[-1].z))


def paid(path: list[Visit], goal: float) -> int | None:
    """Return the evaluations at which the residual first is at most the goal."""
    return next((visit.spent for visit in path if visit.residual <= goal), None)
