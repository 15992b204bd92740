"""Confidence intervals against their defining tail probabilities, and their coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from deqlab.intervals import mean_interval, proportion_interval

confidences = st.sampled_from([0.5, 0.9, 0.95, 0.99])


@given(st.integers(2, 30), confidences, st.integers(0, 2**32 - 1))
def test_ends_of_the_mean_interval_are_the_rejected_hypotheses(n, confidence, seed):
    x = np.random.default_rng(seed).normal(size=n)
    interval = mean_interval(x, confidence=confidence)
    for end in (interval.low, interval.high):
        p = stats.ttest_1samp(x, float(end)).pvalue
        assert p == pytest.approx(1 - confidence, rel=1e-6)
    assert interval.low <= interval.estimate <= interval.high


def test_mean_interval_covers_the_mean_as_often_as_it_says():
    x = np.random.default_rng(0).normal(size=(5, 4000))
    interval = mean_interval(x, confidence=0.9)
    covered = np.mean((interval.low <= 0) & (interval.high >= 0))
    assert abs(covered - 0.9) < 4 * np.sqrt(0.9 * 0.1 / 4000)


def test_an_interval_per_entry_and_equivariance():
    x = np.random.default_rng(1).normal(size=(6, 3, 2))
    whole = mean_interval(x)
    alone = mean_interval(x[:, 1, 0])
    np.testing.assert_allclose(whole.low[1, 0], alone.low, rtol=1e-14)
    scaled = mean_interval(3 * x + 5)
    np.testing.assert_allclose(scaled.high, 3 * whole.high + 5, rtol=1e-13)
    assert whole.num_samples == 6


def test_equal_values_give_an_interval_of_width_zero():
    interval = mean_interval([2.0, 2.0, 2.0])
    assert interval.low == interval.estimate == interval.high == 2.0


@given(st.integers(1, 40), st.data(), confidences)
def test_ends_of_the_proportion_interval_are_the_rejected_hypotheses(n, data, confidence):
    k = data.draw(st.integers(0, n))
    interval = proportion_interval(k, n, confidence=confidence)
    tail = (1 - confidence) / 2
    if k:
        assert stats.binom.sf(k - 1, n, float(interval.low)) == pytest.approx(tail, rel=1e-6)
    else:
        assert interval.low == 0
    if k < n:
        assert stats.binom.cdf(k, n, float(interval.high)) == pytest.approx(tail, rel=1e-6)
    else:
        assert interval.high == 1


def test_proportion_interval_never_covers_too_rarely():
    n = 6
    intervals = [proportion_interval(k, n) for k in range(n + 1)]
    for p in np.linspace(0.01, 0.99, 99):
        chance = sum(
            stats.binom.pmf(k, n, p) for k, i in enumerate(intervals) if i.low <= p <= i.high
        )
        assert chance >= 0.95


@pytest.mark.parametrize("values", [[1.0], 3.0, []])
def test_one_repetition_has_no_interval(values):
    with pytest.raises(ValueError, match="at least two repetitions"):
        mean_interval(values)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="count failed runs"):
        mean_interval([1.0, np.nan])
    with pytest.raises(ValueError, match="confidence"):
        mean_interval([1.0, 2.0], confidence=95)
    with pytest.raises(ValueError, match="successes=4 of trials=3"):
        proportion_interval(4, 3)
