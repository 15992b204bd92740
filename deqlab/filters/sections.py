"""Second-order sections as one state space.

Each section is realised in transposed direct form II,

    y = b0 u + s1,   s1 ← b1 u − a1 y + s2,   s2 ← b2 u − a2 y,

and feeds the next. High orders stay accurate this way: the expanded polynomial has coefficients to
which its roots are far more sensitive [1]_. Numerators are scaled so that the response from the
input to the output of each section peaks at 1; unscaled, the state of a Butterworth filter of order
40 spans twenty powers of ten, and none of its digits survive a linear solve.

References
----------
.. [1] A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., chapter 6.
"""

import numpy as np

from deqlab.filters._arguments import Floats


def cascade(sos: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """A, B, C, D of the sections in series; A is block lower triangular."""
    if sos.shape[1] != 6:
        raise ValueError(f"sos has shape {sos.shape}; expected (n, 6): b0, b1, b2, a0, a1, a2")
    if np.any(sos[:, 3] == 0):
        raise ValueError("a section of sos has a0 = 0; expected rows b0, b1, b2, a0, a1, a2")
    sections, gain = _scaled(_matched(sos / sos[:, 3:4]))
    A, B = np.zeros((0, 0)), np.zeros((0,))
    C, D = np.zeros((0,)), 1.0
    for b0, b1, b2, _, a1, a2 in sections:
        order = 2 if a2 or b2 else 1 if a1 or b1 else 0
        own = np.array([[-a1, 1.0], [-a2, 0.0]])[:order, :order]
        drive = np.array([b1 - a1 * b0, b2 - a2 * b0])[:order]
        A = np.block([[A, np.zeros((len(A), order))], [np.outer(drive, C), own]])
        B = np.concatenate([B, drive * D])
        C = np.concatenate([b0 * C, np.eye(2)[0, :order]])
        D = b0 * D
    if not len(A):
        raise ValueError("every section of sos is a mere gain: the filter has no state")
    return A, B, gain * C, np.asarray(gain * D)


def _matched(sections: Floats) -> Floats:
    """First-order numerators over first-order denominators, which SciPy may leave in two sections.

    Otherwise such a pair costs a state more, with a pole at zero that a zero cancels.
    """
    numerators, denominators = sections[:, :3].copy(), sections[:, 3:]
    below = np.flatnonzero((denominators[:, 2] == 0) & (numerators[:, 2] != 0))
    above = np.flatnonzero((denominators[:, 2] != 0) & (numerators[:, 2] == 0))
    for i, j in zip(below, above, strict=False):
        numerators[[i, j]] = numerators[[j, i]]
    return np.hstack([numerators, denominators])


def _scaled(sections: Floats) -> tuple[Floats, float]:
    """The sections with partial products of peak gain 1, and the gain taken out of the last."""
    q = np.exp(-1j * np.linspace(0, np.pi, 1025)[:, None])
    numerators = np.abs(sections[:, 0] + sections[:, 1] * q + sections[:, 2] * q**2)
    denominators = np.abs(1 + sections[:, 4] * q + sections[:, 5] * q**2)
    scaled, product = sections.copy(), np.ones(len(q))
    total = 1.0
    for i in range(len(sections)):
        product = product * numerators[:, i] / np.maximum(denominators[:, i], 1e-300)
        peak = float(np.max(product))
        if 0 < peak < np.inf:
            scaled[i, :3] /= peak
            product, total = product / peak, total * peak
    return scaled, total
