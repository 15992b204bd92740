"""Anderson's mixing with a ridge, in the two forms in use. Plain floats throughout.

The residuals r_0, ..., r_k of the last m + 1 iterates, in this order, are mixed with weights α_j
of sum 1 that make Σ α_j r_j small:

- *difference form*: α from γ, which minimises |r_k − Σ γ_j (r_{j+1} − r_j)|² + λ |γ|²,
- *bordered form*: α minimises |Σ α_j r_j|² + λ |α|², so that (G + λ I) α = const · 1 with the Gram
  matrix G of the residuals.

As λ grows the first tends to (0, ..., 0, 1), which is plain iteration, and the second to uniform
weights. ``anderson.js`` does the same in the browser, with the same floats.

References
----------
D. G. Anderson (1965), Iterative procedures for nonlinear integral equations, J. ACM 12.
H. F. Walker and P. Ni (2011), Anderson acceleration for fixed-point iterations, SIAM J. Numer.
Anal. 49.
"""

import math
from itertools import pairwise

Vector = list[float]


def dot(p: Vector, q: Vector) -> float:
    """Return the inner product, summed from the left (``sum`` compensates from Python 3.12 on)."""
    total = 0.0
    for x, y in zip(p, q, strict=True):
        total += x * y
    return total


def minus(p: Vector, q: Vector) -> Vector:
    return [x - y for x, y in zip(p, q, strict=True)]


def factor(columns: list[Vector], ridge: float) -> list[Vector]:
    """Return the upper triangle T, by columns, with TᵀT = CᵀC + ridge · I.

    Modified Gram-Schmidt on the columns of C with √ridge · I below them, so that the condition
    number is not squared. A last column of C without its row of the ridge can be a right-hand side.
    """
    count, root = len(columns), math.sqrt(ridge)
    basis: list[Vector] = []
    triangle: list[Vector] = []
    for k, column in enumerate(columns):
        rest = column + [root if j == k else 0.0 for j in range(count)]
        entries = []
        for q in basis:
            entry = dot(q, rest)
            rest = [x - entry * y for x, y in zip(rest, q, strict=True)]
            entries.append(entry)
        length = math.sqrt(dot(rest, rest))
        basis.append([x / length for x in rest] if length else rest)
        triangle.append([*entries, length])
    return triangle


def backward(triangle: list[Vector], right: Vector) -> Vector:
    """Return the solution of T x = right; where T has a zero on its diagonal, x has one too."""
    x = right[:]
    for k in range(len(right) - 1, -1, -1):
        x[k] = x[k] / triangle[k][k] if triangle[k][k] else 0.0
        for j in range(k):
            x[j] -= triangle[k][j] * x[k]
    return x


def difference_weights(residuals: list[Vector], ridge: float) -> Vector:
    """Return α of the difference form, oldest residual first."""
    differences = [minus(q, p) for p, q in pairwise(residuals)]
    count = len(differences)
    triangle = factor([*differences, residuals[-1]], ridge)
    gamma = backward(triangle[:count], triangle[count][:count])
    return [
        (gamma[j] if j < count else 1.0) - (gamma[j - 1] if j else 0.0) for j in range(count + 1)
    ]


def bordered_weights(residuals: list[Vector], ridge: float) -> Vector:
    """Return α of the bordered form, oldest residual first."""
    triangle = factor(residuals, ridge)
    y: Vector = []
    for column in triangle:  # Tᵀ y = 1
        y.append((1.0 - dot(column[:-1], y)) / column[-1] if column[-1] else 0.0)
    u = backward(triangle, y)
    total = dot(u, [1.0] * len(u))
    return [x / total for x in u] if total else [0.0] * (len(u) - 1) + [1.0]


def spread(residuals: list[Vector]) -> float:
    """Return Σ |r_{j+1} − r_j|², the scale of a relative ridge of the difference form."""
    total = 0.0
    for p, q in pairwise(residuals):
        difference = minus(q, p)
        total += dot(difference, difference)
    return total


def mixed(weights: Vector, images: list[Vector]) -> Vector:
    """Return Σ α_j f_j, as f_k plus the multiples of what the others are away from it."""
    last = images[-1]
    result = last[:]
    for weight, image in zip(weights[:-1], images[:-1], strict=True):
        result = [x + weight * (y - z) for x, y, z in zip(result, image, last, strict=True)]
    return result
