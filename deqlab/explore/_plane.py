"""Maps z -> φ(W z + b) of the plane: W from its spectrum, fixed points and orbits.

Plain floats throughout. ``plane.js`` does the same in the browser; a test compares the two.

W = Q T Qᵀ with a rotation Q and the real Schur form T, which shows what the norm is made of. With
eigenvalues λ₁, λ₂ and Henrici's departure from normality |c|, c² = ‖W‖_F² − |λ₁|² − |λ₂|², the
singular values satisfy σ₁σ₂ = |λ₁λ₂| and σ₁² + σ₂² = |λ₁|² + |λ₂|² + c², so that

    ‖W‖₂ = (√((|λ₁| + |λ₂|)² + c²) + √((|λ₁| − |λ₂|)² + c²)) / 2.
"""

import math
from dataclasses import dataclass

from deqlab.explore._drawing import Point
from deqlab.explore._search import zeros

Matrix = tuple[Point, Point]

FAR = 1e6  # where an orbit is not followed any further
APART = 1e-3  # fixed points that are nearer to each other count as one
BEND = 4 / (3 * math.sqrt(3))  # the largest |φ''| of φ = tanh


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues p, q, or p e^{±iq°} for a pair; departure from normality c; turn in degrees."""

    is_pair: bool
    p: float
    q: float
    c: float
    turn: float

    @property
    def radius(self) -> float:
        """ρ(W), the largest modulus of an eigenvalue."""
        return self.p if self.is_pair else max(abs(self.p), abs(self.q))

    @property
    def norm(self) -> float:
        """‖W‖₂, the longest half-axis of the image of the unit ball."""
        first, second = abs(self.p), abs(self.p if self.is_pair else self.q)
        norm = (math.hypot(first + second, self.c) + math.hypot(first - second, self.c)) / 2
        return 1.0 if abs(norm - 1) <= 1e-14 else norm  # rounding certifies no contraction

    def matrix(self) -> Matrix:
        """W, with entries below 1e-12 set to zero."""
        p, q, c = self.p, self.q, self.c
        upper, lower = c, 0.0
        if self.is_pair:  # p cos q ± √(upper · lower), with upper + lower = c
            p = q = self.p * math.cos(math.radians(self.q))
            turning = self.p * math.sin(math.radians(self.q))
            larger = (abs(c) + math.hypot(c, 2 * turning)) / 2
            smaller = -(turning**2) / larger if larger else 0.0
            upper, lower = (smaller, larger) if c >= 0 else (-larger, -smaller)
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        mean, half = (p + q) / 2, (p - q) / 2  # turn the parts that a rotation does not leave alone
        sheared, twisted = (upper + lower) / 2, (upper - lower) / 2
        along = half * (cos * cos - sin * sin) - sheared * 2 * sin * cos
        across = half * 2 * sin * cos + sheared * (cos * cos - sin * sin)
        entries = (mean + along, across + twisted, across - twisted, mean - along)
        w11, w12, w21, w22 = (0.0 if abs(w) < 1e-12 else w for w in entries)
        return (w11, w12), (w21, w22)


@dataclass(frozen=True)
class FixedPoint:
    """A fixed point z, with the moduli of the eigenvalues of the Jacobian there, larger first."""

    z: Point
    moduli: Point

    @property
    def kind(self) -> str:
        """``attracting``, ``saddle``, ``repelling``, or ``marginal`` if a modulus is 1."""
        if min(abs(modulus - 1) for modulus in self.moduli) <= 1e-5:
            return "marginal"
        larger, smaller = self.moduli
        return "attracting" if larger < 1 else "saddle" if smaller < 1 else "repelling"


def step(activation: str, W: Matrix, b: Point, z: Point) -> Point:
    """Return φ(W z + b)."""
    x = W[0][0] * z[0] + W[0][1] * z[1] + b[0]
    y = W[1][0] * z[0] + W[1][1] * z[1] + b[1]
    if activation == "tanh":
        return math.tanh(x), math.tanh(y)
    return (max(x, 0.0), max(y, 0.0)) if activation == "relu" else (x, y)


def fixed_points(activation: str, W: Matrix, b: Point) -> list[FixedPoint]:
    """Return every isolated fixed point, from left to right."""
    if activation == "tanh":
        points = [(z, (1 - z[0] ** 2, 1 - z[1] ** 2)) for z in _of_tanh(W, b)]
    else:
        points = _of_pieces(W, b, [(1, 1)] if activation == "identity" else list(_PATTERNS))
    return [FixedPoint(z, _moduli(W, slopes)) for z, slopes in sorted(points)]


_PATTERNS = ((0, 0), (0, 1), (1, 0), (1, 1))


def _moduli(W: Matrix, slopes: Point) -> Point:
    """Return the moduli of the eigenvalues of diag(slopes) W, larger first."""
    mean = (slopes[0] * W[0][0] + slopes[1] * W[1][1]) / 2
    determinant = slopes[0] * slopes[1] * (W[0][0] * W[1][1] - W[0][1] * W[1][0])
    square = (slopes[0] * W[0][0] - slopes[1] * W[1][1]) ** 2 / 4
    square += slopes[0] * slopes[1] * W[0][1] * W[1][0]
    if square < 0:
        return (math.sqrt(determinant),) * 2
    root = math.sqrt(square)
    return abs(mean) + root, abs(abs(mean) - root)


def _of_pieces(W: Matrix, b: Point, patterns: list[tuple[int, int]]) -> list[tuple[Point, Point]]:
    """Return the fixed points of a map that is linear where each pattern of slopes holds."""
    found: list[tuple[Point, Point]] = []
    for d, e in patterns:
        m11, m12, m21, m22 = 1 - d * W[0][0], -d * W[0][1], -e * W[1][0], 1 - e * W[1][1]
        determinant = m11 * m22 - m12 * m21
        if abs(determinant) < 1e-12:
            continue
        z = (
            (m22 * d * b[0] - m12 * e * b[1]) / determinant,
            (m11 * e * b[1] - m21 * d * b[0]) / determinant,
        )
        image = step("relu" if len(patterns) > 1 else "identity", W, b, z)
        if math.dist(image, z) <= 1e-9 and all(math.dist(z, other) > 1e-9 for other, _ in found):
            found.append((z, (float(d), float(e))))
    return found


def _of_tanh(W: Matrix, b: Point) -> list[Point]:
    """Return the fixed points of tanh(W z + b), by a search that overlooks none.

    With z₁ = tanh u the first equation gives z₂, and the second one is an equation for u alone.
    The larger of the two couplings is divided by; where the other is zero, the second equation has
    one unknown and is solved first.
    """
    (w11, w12), (w21, w22) = W
    if abs(w12) < abs(w21):
        return [(z, y) for y, z in _of_tanh(((w22, w21), (w12, w11)), (b[1], b[0]))]
    if w21 == 0:
        second = _of_scalar_tanh(w22, b[1])
        return [(z, y) for y in second for z in _of_scalar_tanh(w11, w12 * y + b[0])]

    def second_coordinate(u: float) -> float:
        return (u - w11 * math.tanh(u) - b[0]) / w12

    def gap(u: float, radius: float) -> tuple[float, float, float]:
        t = math.tanh(u)
        z, slope = second_coordinate(u), (1 - w11 * (1 - t * t)) / w12
        y, steep = w21 * t + w22 * z + b[1], w21 * (1 - t * t) + w22 * slope
        bend = BEND * (abs(w21) + abs(w22 * w11 / w12))
        curvature = BEND * abs(w11 / w12) + BEND * (abs(steep) + bend * radius) ** 2 + bend
        image = math.tanh(y)
        return z - image, slope - (1 - image * image) * steep, curvature

    reach = abs(w11) + abs(w12) + abs(b[0]) + 1
    apart = APART * min(1, abs(w12) / (1 + abs(w11)))  # as z₂ changes that much faster than u
    return [(math.tanh(u), second_coordinate(u)) for u in zeros(gap, reach, apart)]


def _of_scalar_tanh(w: float, b: float) -> list[float]:
    def gap(u: float, radius: float) -> tuple[float, float, float]:
        t = math.tanh(u)
        return u - w * t - b, 1 - w * (1 - t * t), BEND * abs(w)

    return [math.tanh(u) for u in zeros(gap, abs(w) + abs(b) + 1, APART)]


def orbit(activation: str, W: Matrix, b: Point, start: Point, steps: int) -> list[Point]:
    """Return z_0, ..., z_steps, or fewer: the orbit ends at a distance of `FAR` from zero."""
    points = [start]
    while len(points) <= steps and math.hypot(*points[-1]) <= FAR:
        points.append(step(activation, W, b, points[-1]))
    return points
