"""Plain iteration and Anderson's method with three ridges, on a map of dimension 32.

Plain floats throughout; ``ridge.js`` does the same in the browser, on the linear map with the same
floats. The map is s φ(W z / s + b), with φ = tanh or the identity and W = H Λ H / 32 symmetric: H
is the Hadamard matrix, Λ holds eigenvalues between −0.99 and 0.99. The three ridges are

- *relative*: λ Σ |Δr_j|² in the difference form,
- *absolute*: λ in the difference form,
- *bordered*: λ in the bordered form.

With the state and all residuals times s, the weights of the first stay as they are; those of the
others change, as λ stands for λ / s² then.
"""

import math
from dataclasses import dataclass

from deqlab.explore._anderson import (
    Vector,
    bordered_weights,
    difference_weights,
    dot,
    mixed,
    spread,
)

D = 32
ENOUGH = 1e-13  # a relative residual at which a run ends
EIGENVALUES = [0.99 * (2 * j - 31) / 31 for j in range(D)]
OFFSET = [((11 * j + 5) % 32 - 15.5) / 800 for j in range(D)]
METHODS = ("plain", "bordered", "absolute", "relative")


def _hadamard(z: Vector) -> Vector:
    """Return H z, by five layers of butterflies."""
    z = z[:]
    half = 1
    while half < D:
        for start in range(0, D, 2 * half):
            for k in range(start, start + half):
                z[k], z[k + half] = z[k] + z[k + half], z[k] - z[k + half]
        half *= 2
    return z


def image(name: str, scale: float, z: Vector) -> Vector:
    """Return s φ(W z / s + b)."""
    turned = [w * y for w, y in zip(EIGENVALUES, _hadamard(z), strict=True)]
    y = [x / D / scale + b for x, b in zip(_hadamard(turned), OFFSET, strict=True)]
    return [scale * (math.tanh(x) if name == "tanh" else x) for x in y]


@dataclass(frozen=True)
class Run:
    """|r_k| / |r_0| and the weights that make z_{k+1}, oldest residual first, for every k."""

    residuals: list[float]
    weights: list[Vector]


def run(
    name: str, method: str, *, scale: float, memory: int, ridge: float, evaluations: int
) -> Run:
    """Return what the method does with the evaluations, from z_0 = 0."""
    z, first, found = [0.0] * D, 0.0, Run([], [])
    images: list[Vector] = []
    residuals: list[Vector] = []
    for _ in range(evaluations):
        fz = image(name, scale, z)
        r = [x - y for x, y in zip(fz, z, strict=True)]
        length = math.sqrt(dot(r, r))
        first = first or length
        if not math.isfinite(length):
            break
        images, residuals = [*images, fz][-memory - 1 :], [*residuals, r][-memory - 1 :]
        if method == "plain":
            weights = [1.0]
        elif method == "bordered":
            weights = bordered_weights(residuals, ridge)
        else:
            size = spread(residuals) if method == "relative" else 1.0
            weights = difference_weights(residuals, ridge * size)
        found.residuals.append(length / first)
        found.weights.append(weights)
        if length <= ENOUGH * first:
            break
        z = mixed(weights, images[-len(weights) :])
    return found
