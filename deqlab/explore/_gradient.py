"""Gradients of ½ |z* − y|² with respect to b, z* = tanh(W z* + b), and the errors of cheap ones.

W = H Λ H / 8 is symmetric of dimension 8, with the Hadamard matrix H and eigenvalues from −L to L,
so that ‖W‖₂ = L. The fixed point is chosen and b follows from it: z* is known exactly for every L.
``gradient.js`` does the same in the browser; a test compares the two.

With M = diag(1 − f(z)²) = ∂f/∂b, J = M W and v = z − y the gradient is M w, w = (I − J)⁻ᵀ v. At
an ẑ with |f(ẑ) − ẑ| ≤ r, and for a ŵ with |(I − Ĵ)ᵀ ŵ − v̂| ≤ s, let β = max |tanh''|. As |M̂| ≤ 1,
|ẑ − z*| ≤ r / (1 − L), |M̂ − M| ≤ β L |ẑ − z*| and |Ĵ − J| ≤ β L² |ẑ − z*|,

    |ĝ − g| ≤ |M̂ (ŵ − w)| + |(M̂ − M) w|
            ≤ s / (1 − L) + (1 + β L |v|) r / (1 − L)² + β L² |v| r / (1 − L)³.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

D = 8
BETA = 4 / (3 * 3**0.5)
HADAMARD = np.array([[(-1.0) ** (i & j).bit_count() for j in range(D)] for i in range(D)])
FIXED = np.array([((3 * j + 1) % 8 - 3.5) / 35 for j in range(D)])
TARGET = np.array([((5 * j + 2) % 8 - 3.5) / 3.5 for j in range(D)])
MOST = 10_000  # iterations


@dataclass(frozen=True)
class Layer:
    """z = tanh(W z + b), with its gradient g."""

    L: float
    W: Any  # (8, 8)
    b: Any  # (8,)
    gradient: Any  # (8,)

    def constants(self) -> tuple[float, float, float]:
        """C₁, C₂, C₃ of the bound C₁ s/(1 − L) + C₂ r/(1 − L)² + C₃ r/(1 − L)³."""
        v = float(np.linalg.norm(FIXED - TARGET))
        return 1.0, 1 + BETA * self.L * v, BETA * self.L**2 * v

    def bound(self, r: float, s: float) -> float:
        """Return the bound of |ĝ − g| / |g|."""
        first, second, third = self.constants()
        gap = 1 - self.L
        total = first * s / gap + second * r / gap**2 + third * r / gap**3
        return float(total / np.linalg.norm(self.gradient))

    def error(self, gradient: Any) -> float:
        """Return |ĝ − g| / |g|."""
        return float(np.linalg.norm(gradient - self.gradient) / np.linalg.norm(self.gradient))

    def cosine(self, gradient: Any) -> float:
        """Return the cosine of the angle between ĝ and g."""
        lengths = np.linalg.norm(gradient) * np.linalg.norm(self.gradient)
        return float(gradient @ self.gradient / lengths)


def layer(L: float) -> Layer:
    """Return the layer with ‖W‖₂ = L."""
    eigenvalues = np.array([L * (2 * j - 7) / 7 for j in range(D)])
    W = HADAMARD * eigenvalues @ HADAMARD / D
    slopes = 1 - FIXED**2
    w = np.linalg.solve(np.eye(D) - W * slopes, FIXED - TARGET)  # Jᵀ = W M
    return Layer(L, W, np.arctanh(FIXED) - W @ FIXED, slopes * w)


def states(given: Layer, tol: float) -> list[Any]:
    """Return Picard's z_0 = 0, z_1, ..., up to the first with a residual of at most tol."""
    z, visited = np.zeros(D), []
    for _ in range(MOST):
        image = np.tanh(given.W @ z + given.b)
        visited.append(z)
        if np.linalg.norm(image - z) <= tol:
            break
        z = image
    return visited


def implicit(given: Layer, z: Any, tol: float) -> tuple[Any, int]:
    """Return M̂ ŵ, ŵ by iterating w ← Ĵᵀ w + v̂ to a residual of at most tol, and the products."""
    slopes = 1 - np.tanh(given.W @ z + given.b) ** 2
    v = z - TARGET
    w, image, products = np.zeros(D), v, 0  # the residual of w = 0 needs no product
    while np.linalg.norm(image - w) > tol and products < MOST:
        w, products = image, products + 1
        image = given.W @ (slopes * w) + v
    return slopes * w, products


def neumann(given: Layer, z: Any, terms: int) -> Any:
    """Return M̂ Σ (Ĵᵀ)^i v̂ with i < terms; one term is JFB."""
    slopes = 1 - np.tanh(given.W @ z + given.b) ** 2
    v = z - TARGET
    w = np.zeros(D)
    for _ in range(terms):
        w = given.W @ (slopes * w) + v
    return slopes * w


def unrolled(given: Layer, count: int) -> Any:
    """Return the gradient of ½ |z_K − y|², K = count, by backpropagation from z_0 = 0."""
    visited = [np.zeros(D)]
    for _ in range(count):
        visited.append(np.tanh(given.W @ visited[-1] + given.b))
    adjoint, gradient = visited[-1] - TARGET, np.zeros(D)
    for z in reversed(visited[1:]):
        local = (1 - z**2) * adjoint
        gradient = gradient + local
        adjoint = given.W @ local
    return gradient
