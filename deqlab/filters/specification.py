"""What a low-pass or high-pass filter is asked to do, and whether a given one does it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from deqlab.filters._arguments import Complexes, Floats
from deqlab.filters.fir import FIR
from deqlab.filters.iir import IIR

SLACK = 1e-6
"""dB by which a measured value may miss its specification: rounding, and the grid."""


class BandMeasurement(NamedTuple):
    """What a filter does on the bands of a specification, in dB."""

    ripple: float
    attenuation: float


@dataclass(frozen=True, kw_only=True)
class FilterSpec:
    """A pass-band, a stop-band, and how much of each may be spoilt.

    Parameters
    ----------
    pass_edge, stop_edge : float
        In rad/sample, in (0, π). Low-pass if pass_edge < stop_edge, else high-pass.
    ripple : float
        Largest allowed 20 log10 (max |H| / min |H|) over the pass-band, in dB.
    attenuation : float
        Least allowed 20 log10 (max |H| over the pass-band / max |H| over the stop-band), in dB.
        Larger than `ripple`.

    Raises
    ------
    ValueError
        If an edge is outside (0, π), the edges are equal, or 0 < ripple < attenuation fails.
    """

    pass_edge: float
    stop_edge: float
    ripple: float
    attenuation: float

    def __post_init__(self) -> None:
        for name in ("pass_edge", "stop_edge"):
            if not 0 < getattr(self, name) < np.pi:
                raise ValueError(
                    f"{name} must be in (0, π) rad/sample; got {getattr(self, name)!r}"
                )
        if self.pass_edge == self.stop_edge:
            raise ValueError(
                f"pass_edge and stop_edge are both {self.pass_edge!r}: no filter of finite order "
                "jumps; leave a transition band between them"
            )
        if not (0 < self.ripple < self.attenuation < np.inf):
            raise ValueError(
                "expected 0 < ripple < attenuation, in dB; got ripple="
                f"{self.ripple!r}, attenuation={self.attenuation!r}"
            )

    @property
    def is_lowpass(self) -> bool:
        return self.pass_edge < self.stop_edge

    def grid(self, points: int) -> tuple[Floats, Floats]:
        """Frequencies in the pass-band and in the stop-band, dense at the edges and on them."""
        ends = (0.0, np.pi) if self.is_lowpass else (np.pi, 0.0)
        t = 1 - np.cos(np.linspace(0, np.pi / 2, points))
        return (
            self.pass_edge + (ends[0] - self.pass_edge) * t,
            self.stop_edge + (ends[1] - self.stop_edge) * t,
        )

    def measure(self, candidate: FIR | IIR) -> BandMeasurement:
        """The ripple and attenuation of a filter with one input and one output.

        Raises
        ------
        ValueError
            If the filter is unstable, or has more than one input or output.
        """
        if candidate.dc_gain().shape:
            raise ValueError("a specification is for a filter with one input and one output")
        points = 4096 + 16 * (candidate.taps if isinstance(candidate, FIR) else 0)
        return measured(*(candidate.frequency_response(w) for w in self.grid(points)))

    def met_by(self, candidate: FIR | IIR) -> bool:
        """Whether the measured ripple and attenuation are within 1e-6 dB of what is asked."""
        ripple, attenuation = self.measure(candidate)
        return ripple <= self.ripple + SLACK and attenuation >= self.attenuation - SLACK


def measured(passed: Complexes, stopped: Complexes) -> BandMeasurement:
    """What responses on the two bands amount to."""
    largest, least, leak = np.abs(passed).max(), np.abs(passed).min(), np.abs(stopped).max()
    return BandMeasurement(
        float(20 * np.log10(largest / least)) if least > 0 else np.inf,
        float(20 * np.log10(largest / leak)) if leak > 0 else np.inf,
    )
