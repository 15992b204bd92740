"""Filters: a linear iteration seen as a signal processor, and its truncation as a finite one.

z_k = A z_{k−1} + B u_k is an *infinite impulse response* (IIR) filter. For a constant input it is
the fixed-point iteration of LinearMap(A, B x), and its gain at frequency zero is the fixed point.
Cut off after K steps it is a *finite impulse response* (FIR) filter with the K taps A^k B.
Frequencies are in rad/sample, arrays are NumPy float64.
"""

from deqlab.filters.designing import FilterFamily, design_filter, shortest_truncation
from deqlab.filters.fir import FIR
from deqlab.filters.iir import IIR
from deqlab.filters.powers import PowerBound, power_bound, power_norm
from deqlab.filters.specification import BandMeasurement, FilterSpec
from deqlab.filters.trajectory import TruncationErrors, truncation_errors
from deqlab.filters.windows import (
    HalfWindow,
    averaging_weights,
    averaging_window,
    binomial_window,
    error_polynomial,
    half_window,
)

__all__ = [
    "FIR",
    "IIR",
    "BandMeasurement",
    "FilterFamily",
    "FilterSpec",
    "HalfWindow",
    "PowerBound",
    "TruncationErrors",
    "averaging_weights",
    "averaging_window",
    "binomial_window",
    "design_filter",
    "error_polynomial",
    "half_window",
    "power_bound",
    "power_norm",
    "shortest_truncation",
    "truncation_errors",
]
