"""Confidence intervals for a handful of repetitions.

    mean of n values:     m ± t_{n−1} s / √n                      (Student 1908; one t per entry)
    k successes in n:     the exact (Clopper–Pearson 1934) interval, at least as wide as promised

The first assumes that the values are roughly normal. Runs that either solve a task or do not are
not: count them, and use the second.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["Interval", "mean_interval", "proportion_interval"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate with a confidence interval; the three are floats, or arrays of one shape.

    Attributes
    ----------
    estimate, low, high : float or array
        low ≤ estimate ≤ high.
    confidence : float
        Probability, over repetitions of the whole experiment, that such an interval covers the
        true value.
    num_samples : int
        How many independent values went in.
    """

    estimate: Floats
    low: Floats
    high: Floats
    confidence: float
    num_samples: int


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Student's interval for the mean over the first axis.

    Parameters
    ----------
    values : array (n, ...)
        One independent repetition per row, at least two. Every entry gets an interval of its own;
        they hold one at a time, not jointly.
    confidence : float
        Strictly between 0 and 1.

    Raises
    ------
    ValueError
        If there are fewer than two rows, a value is inf or nan, or confidence is out of range.

    References
    ----------
    Student, "The probable error of a mean", Biometrika 6 (1908).

    Examples
    --------
    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> round(float(interval.low), 3), round(float(interval.high), 3)
    (-0.484, 4.484)
    """
    x = np.asarray(values, dtype=np.float64)
    _check_confidence(confidence)
    if x.ndim == 0 or len(x) < 2:
        raise ValueError(
            f"values has shape {x.shape}: an interval needs at least two repetitions in the first "
            "axis"
        )
    if not np.all(np.isfinite(x)):
        raise ValueError("values holds inf or nan: count failed runs, do not average them")
    n = len(x)
    mean = x.mean(axis=0)
    half = special.stdtrit(n - 1, 0.5 + confidence / 2) * x.std(axis=0, ddof=1) / np.sqrt(n)
    return Interval(mean, mean - half, mean + half, confidence, n)


def proportion_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """The exact interval for a probability, after `successes` in `trials` independent trials.

    Raises
    ------
    ValueError
        Unless 0 ≤ successes ≤ trials, trials ≥ 1, and confidence is strictly between 0 and 1.

    References
    ----------
    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934).

    Examples
    --------
    >>> round(float(proportion_interval(5, 5).low), 3)
    0.478
    """
    _check_confidence(confidence)
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(
            f"successes={successes} of trials={trials}: expected 0 <= successes <= trials, "
            "trials >= 1"
        )
    tail = (1 - confidence) / 2
    k, n = successes, trials
    low = special.betaincinv(k, n - k + 1, tail) if k else 0.0
    high = special.betaincinv(k + 1, n - k, 1 - tail) if k < n else 1.0
    return Interval(np.asarray(k / n), np.asarray(low), np.asarray(high), confidence, n)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1; got {confidence!r}")
