"""The record of a fixed-point iteration, and the sentence that says how it ended."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deqlab._arrays import Array
from deqlab.status import Status

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Trace:
    """What an iteration did. Index k of the histories belongs to the iterate z_k, k = 0, …, K.

    With a batch of shape B every quantity but `message` has one entry per sample. A sample that is
    done stays where it is while others run on, and its rows repeat.

    Attributes
    ----------
    value : array, shape of z0
        The last iterate; for a NONFINITE sample the last finite one, which f does not map to
        finite numbers.
    iterates : array (K + 1, *shape of z0), or None
        All iterates; None if `history=False`.
    residuals : float64 array (K + 1, *B)
        ‖f(z_k) − z_k‖, the length of step k + 1; inf where f returned inf or nan.
    a_priori, a_posteriori : float64 array (K + 1, *B), or None
        Bounds for ‖z_k − z*‖; None if f is not known to be a contraction.
    rounding : float64 array (K + 1, *B)
        η at z_k, as used in both bounds (a priori: the largest so far).
    lipschitz : float64 array broadcastable to B, or None
        L, where it was given or certified by the map; L ≥ 1 is reported too, without bounds.
    num_steps : int array B
        Steps taken.
    status : Status, or int array B
        How each sample ended.
    message : str
        What happened, in numbers, and what to change.
    """

    value: Array
    iterates: Array | None
    residuals: Floats
    a_priori: Floats | None
    a_posteriori: Floats | None
    rounding: Floats
    lipschitz: Floats | None
    num_steps: Any
    status: Any
    message: str

    @property
    def converged(self) -> Any:
        """True where the tolerance was met: a bool, or a bool array of shape B."""
        return (np.asarray(self.status) == Status.CONVERGED)[()]

    def __repr__(self) -> str:
        return f"Trace({self.message})"


def describe(
    status: NDArray[np.int64], num_steps: NDArray[np.int64], residuals: Floats, target: Floats
) -> str:
    """One sentence per outcome that occurred, with the numbers of its worst sample.

    `target` is the residual at which each sample would have stopped, −inf where no tolerance was.
    """
    histories = residuals.reshape(len(residuals), -1)
    sentences = []
    for outcome in Status:
        members = np.flatnonzero(status == outcome)
        if members.size:
            worst = members[np.argmax(histories[-1, members])]
            share = f" ({members.size} of {status.size} samples)" if status.size > 1 else ""
            advice = outcome.message
            if outcome is Status.MAX_STEPS:
                advice = _prospect(histories[:, worst], float(target.flat[worst]))
            sentences.append(
                f"{outcome.name}{share} after {np.max(num_steps.flat[members])} steps, "
                f"residual {histories[-1, worst]:.3g}: {advice}"
            )
    return "; ".join(sentences)


def _prospect(residuals: Floats, target: float) -> str:
    """What the residuals so far say about more steps.

    They fall, or grow, only if the last one is the lowest, or highest, of the second half of the
    run; the factor is the mean of the last ten steps.
    """
    if target == -math.inf:
        return "no tolerance was given, so convergence was not judged"
    if target <= 0:
        return "the tolerance is below the rounding floor: loosen it, or use a wider dtype"
    if len(residuals) < 2:
        return "no step was allowed: raise max_steps"
    recent = np.log(residuals[-11:])
    before = residuals[min(len(residuals) // 2, len(residuals) - len(recent)) : -1]
    slope = float(recent[-1] - recent[0]) / (len(recent) - 1)
    factor = math.exp(min(slope, 700.0))
    if slope < -1e-4 and residuals[-1] < np.min(before):
        more = math.ceil((math.log(target) - recent[-1]) / slope)
        return f"the residual falls by the factor {factor:.4g} per step: raise max_steps by {more}"
    grows = slope > 1e-4 and residuals[-1] > np.max(before)
    course = f"grows (factor {factor:.4g} per step)" if grows else "stands still or wanders"
    return (
        f"the residual {course}: f does not contract here, or the tolerance is below its rounding "
        "error; use relaxation z <- (1 - t) z + t f(z), another solver, or a looser tolerance"
    )
