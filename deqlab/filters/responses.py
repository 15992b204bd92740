"""What a state space does to oscillations: H(ζ) = C (ζI − A)⁻¹ B + D on the unit circle.

    group delay   −d arg H / dω = Re(ζ C (ζI − A)⁻² B / H),   since dH/dω = −iζ C (ζI − A)⁻² B

One linear solve per frequency and derivative; A, B, C, D are matrices here.
"""

from typing import Any

import numpy as np
from scipy.linalg import eigvals

from deqlab.filters._arguments import Complexes, Floats
from deqlab.filters.fir import quotient


def transfer(A: Floats, B: Floats, C: Floats, D: Floats, w: Floats) -> Complexes:
    """H(ω), (*w.shape, p, m)."""
    H: Complexes = C @ _resolvent_times(A, w, B) + D
    return H


def group_delay(A: Floats, B: Floats, C: Floats, D: Floats, w: Floats) -> Any:
    """−d arg H / dω, (*w.shape, p, m); nan where H vanishes to the rounding of its terms."""
    X = _resolvent_times(A, w, B)
    slope = np.exp(1j * w)[..., None, None] * (C @ _resolvent_times(A, w, X))
    return quotient(slope, C @ X + D, np.abs(C) @ np.abs(X) + np.abs(D))


def _resolvent_times(A: Floats, w: Floats, X: Any) -> Complexes:
    matrices = np.exp(1j * w)[..., None, None] * np.eye(len(A)) - A
    right = np.broadcast_to(X, (*w.shape, *X.shape[-2:])).astype(np.complex128)
    return np.asarray(np.linalg.solve(matrices, right), dtype=np.complex128)


def finite_zeros(A: Floats, B: Floats, C: Floats, D: Floats, count: int) -> Complexes:
    """The `count` smallest eigenvalues of the pencil [[A, B], [C, D]] − ζ [[I, 0], [0, 0]].

    Where the pencil is singular there is an input ζ^k that leaves no trace in the output; the
    remaining eigenvalues are infinite.
    """
    left = np.block([[A, B], [C, D]])
    right = np.diag([1.0] * len(A) + [0.0])
    alpha, beta = eigvals(left, right, homogeneous_eigvals=True)
    smallest = np.argsort(np.arctan2(np.abs(alpha), np.abs(beta)))[:count]
    zeros: Complexes = alpha[smallest] / beta[smallest]
    return zeros
