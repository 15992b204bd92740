"""The fixed point of z = tanh(c W z + b) in the plane as c grows, and its eigenvalues.

Plain floats throughout. ``exits.js`` does the same in the browser; a test compares the two.
"""

import math
from dataclasses import dataclass

from deqlab.explore._drawing import Point
from deqlab.explore._plane import Matrix, Spectrum, step

MARKS = 100  # of c in a unit
SPECTRA = {"+1": (1.0, 0.3), "-1": (-1.0, -0.3)}  # of W, real; turned by 30 degrees


@dataclass(frozen=True)
class Place:
    """A fixed point z with its Jacobian J, the eigenvalues of J, larger first, and |dz*/db|₂."""

    z: Point
    J: Matrix
    eigenvalues: tuple[complex, complex]
    gradient: float

    @property
    def radius(self) -> float:
        """ρ(J)."""
        return abs(self.eigenvalues[0])

    def relaxed(self, tau: float) -> float:
        """ρ((1 − τ) I + τ J)."""
        return max(abs(1 - tau + tau * eigenvalue) for eigenvalue in self.eigenvalues)


def weights(exit_: str, angle: int) -> Matrix:
    """Return W, of spectral radius 1."""
    if exit_ == "pair":
        return Spectrum(True, 1, angle, 0, 0).matrix()
    return Spectrum(False, *SPECTRA[exit_], 0, 30).matrix()


def scaled(W: Matrix, c: float) -> Matrix:
    return (c * W[0][0], c * W[0][1]), (c * W[1][0], c * W[1][1])


def branch(W: Matrix, b: Point, last: float) -> list[Place]:
    """Return the fixed points that continue tanh(b) for c = 0, 0.01, ..., last, by Newton."""
    z, found = (math.tanh(b[0]), math.tanh(b[1])), []
    for k in range(round(last * MARKS) + 1):
        A = scaled(W, k / MARKS)
        for _ in range(30):
            x, y = step("tanh", A, b, z)
            r = (x - z[0], y - z[1])
            if math.hypot(*r) <= 1e-15:
                break
            (p, q), (s, t) = _identity_minus(_jacobian(A, (x, y)))
            determinant = p * t - q * s
            if not determinant:
                break
            z = (
                z[0] + (t * r[0] - q * r[1]) / determinant,
                z[1] + (p * r[1] - s * r[0]) / determinant,
            )
        found.append(_place(A, z))
    return found


def _jacobian(A: Matrix, image: Point) -> Matrix:
    p, q = 1 - image[0] ** 2, 1 - image[1] ** 2
    return (p * A[0][0], p * A[0][1]), (q * A[1][0], q * A[1][1])


def _identity_minus(J: Matrix) -> Matrix:
    return (1 - J[0][0], -J[0][1]), (-J[1][0], 1 - J[1][1])


def _place(A: Matrix, z: Point) -> Place:
    J = _jacobian(A, z)
    mean = (J[0][0] + J[1][1]) / 2
    square = (J[0][0] - J[1][1]) ** 2 / 4 + J[0][1] * J[1][0]
    root = complex(math.sqrt(square), 0) if square >= 0 else complex(0, math.sqrt(-square))
    if mean < 0 and square >= 0:
        root = -root
    (p, q), (s, t) = _identity_minus(J)
    determinant = p * t - q * s
    gradient = math.inf
    if abs(determinant) > 1e-12:  # (I − J)⁻¹ diag(1 − z²)
        d, e = 1 - z[0] ** 2, 1 - z[1] ** 2
        (k, m), (n, o) = (t * d, -q * e), (-s * d, p * e)
        length = (math.hypot(k + o, n - m) + math.hypot(k - o, n + m)) / 2
        gradient = length / abs(determinant)
    return Place(z, J, (mean + root, mean - root), gradient)


def errors(A: Matrix, b: Point, start: Point, limit: Point, tau: float, steps: int) -> list[float]:
    """Return |z_k − z*| of z ← (1 − τ) z + τ tanh(A z + b), k = 0, ..., steps."""
    z, found = start, []
    for _ in range(steps + 1):
        found.append(math.dist(z, limit))
        x, y = step("tanh", A, b, z)
        z = (z[0] + tau * (x - z[0]), z[1] + tau * (y - z[1]))
    return found
