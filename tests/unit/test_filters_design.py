"""Designs at one specification, each judged by another route than the one that made it."""

import numpy as np
import pytest
from scipy import signal

from deqlab import (
    FIR,
    IIR,
    FilterFamily,
    FilterSpec,
    HalfWindow,
    design_filter,
    shortest_truncation,
)

LOW = FilterSpec(pass_edge=0.2 * np.pi, stop_edge=0.28 * np.pi, ripple=0.5, attenuation=50)
HIGH = FilterSpec(pass_edge=0.7 * np.pi, stop_edge=0.6 * np.pi, ripple=1.0, attenuation=40)
RECURSIVE = [
    FilterFamily.ELLIPTIC,
    FilterFamily.CHEBYSHEV1,
    FilterFamily.CHEBYSHEV2,
    FilterFamily.BUTTERWORTH,
]
FINITE = [FilterFamily.KAISER, FilterFamily.EQUIRIPPLE]


def judged(candidate, spec):
    """Ripple and attenuation from the FFT of a long impulse response, on 2^16 frequencies."""
    gain = np.abs(np.fft.rfft(candidate.impulse_response(2**14), 2**16))
    w = np.linspace(0, np.pi, len(gain))
    low = spec.pass_edge < spec.stop_edge
    passed = gain[w <= spec.pass_edge] if low else gain[w >= spec.pass_edge]
    stopped = gain[w >= spec.stop_edge] if low else gain[w <= spec.stop_edge]
    return 20 * np.log10(passed.max() / passed.min()), 20 * np.log10(passed.max() / stopped.max())


@pytest.mark.parametrize("spec", [LOW, HIGH], ids=["low", "high"])
@pytest.mark.parametrize("family", list(FilterFamily))
def test_every_family_meets_the_specification(spec, family):
    found = design_filter(spec, family)
    ripple, attenuation = judged(found, spec)
    assert ripple <= spec.ripple + 1e-3
    assert attenuation >= spec.attenuation - 1e-3
    assert spec.measure(found) == pytest.approx((ripple, attenuation), abs=0.02)
    assert isinstance(found, FIR if family in FINITE else IIR)


@pytest.mark.parametrize("spec", [LOW, HIGH], ids=["low", "high"])
def test_no_shorter_equiripple_filter_meets_the_specification(spec):
    """All shorter lengths down to two thirds: the best linear-phase filter of each fails."""
    found = design_filter(spec, FilterFamily.EQUIRIPPLE)
    low, high = sorted((spec.pass_edge, spec.stop_edge))
    gains = [1, 0] if spec.is_lowpass else [0, 1]
    gain = 10 ** (spec.ripple / 20)
    passed = (gain - 1) / (gain + 1)
    weights = {1: 1 / passed, 0: 10 ** (spec.attenuation / 20) / (1 + passed)}
    for taps in range(2 * found.taps // 3, found.taps):
        if not spec.is_lowpass and taps % 2 == 0:
            continue
        h = signal.remez(
            taps, [0, low, high, np.pi], gains, weight=[weights[g] for g in gains], fs=2 * np.pi
        )
        assert not spec.met_by(FIR(h))


@pytest.mark.parametrize("family", RECURSIVE)
def test_no_lower_order_of_a_recursive_family_meets_the_specification(family):
    """Cut-offs swept over the transition band for the order below."""
    order = design_filter(LOW, family).order - 1
    for edge in np.linspace(0.95 * LOW.pass_edge, 1.05 * LOW.stop_edge, 25):
        sos = {
            FilterFamily.ELLIPTIC: lambda e: signal.ellip(
                order, LOW.ripple, LOW.attenuation, e, output="sos", fs=2 * np.pi
            ),
            FilterFamily.CHEBYSHEV1: lambda e: signal.cheby1(
                order, LOW.ripple, e, output="sos", fs=2 * np.pi
            ),
            FilterFamily.CHEBYSHEV2: lambda e: signal.cheby2(
                order, LOW.attenuation, e, output="sos", fs=2 * np.pi
            ),
            FilterFamily.BUTTERWORTH: lambda e: signal.butter(order, e, output="sos", fs=2 * np.pi),
        }[family](edge)
        assert not LOW.met_by(IIR.from_sos(sos))


def test_recursive_filters_need_far_fewer_coefficients():
    """At one specification: elliptic below equiripple by a factor of ten and more."""
    orders = {family: design_filter(LOW, family) for family in FilterFamily}
    assert orders[FilterFamily.ELLIPTIC].order < orders[FilterFamily.CHEBYSHEV1].order
    assert orders[FilterFamily.CHEBYSHEV1].order < orders[FilterFamily.BUTTERWORTH].order
    assert 8 * orders[FilterFamily.ELLIPTIC].order < orders[FilterFamily.EQUIRIPPLE].taps
    assert orders[FilterFamily.EQUIRIPPLE].taps < orders[FilterFamily.KAISER].taps


@pytest.mark.parametrize("window", [HalfWindow.RECTANGULAR, HalfWindow.HANN])
def test_shortest_truncation_meets_the_specification_and_no_shorter_one_does(window):
    strict = FilterSpec(pass_edge=0.2 * np.pi, stop_edge=0.28 * np.pi, ripple=0.2, attenuation=60)
    iir = design_filter(strict, FilterFamily.ELLIPTIC)
    found = shortest_truncation(iir, LOW, window)
    ripple, attenuation = judged(found, LOW)
    assert ripple <= LOW.ripple + 1e-3
    assert attenuation >= LOW.attenuation - 1e-3
    assert found.h == pytest.approx(iir.truncate(found.taps, window).h, abs=1e-15)
    for K in range(found.taps // 2, found.taps):
        assert not LOW.met_by(iir.truncate(K, window))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: FilterSpec(pass_edge=1.0, stop_edge=1.0, ripple=1, attenuation=40),
            "are both 1.0",
        ),
        (
            lambda: FilterSpec(pass_edge=0.0, stop_edge=1.0, ripple=1, attenuation=40),
            r"pass_edge must be in \(0, π\)",
        ),
        (
            lambda: FilterSpec(pass_edge=1.0, stop_edge=np.nan, ripple=1, attenuation=40),
            "stop_edge must be",
        ),
        (
            lambda: FilterSpec(pass_edge=1.0, stop_edge=1.1, ripple=0, attenuation=40),
            "0 < ripple < attenuation",
        ),
        (
            lambda: design_filter(
                FilterSpec(pass_edge=1.0, stop_edge=1.0 + 1e-6, ripple=0.1, attenuation=90),
                FilterFamily.EQUIRIPPLE,
            ),
            "out of reach: about",
        ),
        (
            lambda: design_filter(
                FilterSpec(pass_edge=1.0, stop_edge=1.001, ripple=0.1, attenuation=100),
                FilterFamily.BUTTERWORTH,
            ),
            "out of reach of BUTTERWORTH",
        ),
        (lambda: shortest_truncation(IIR(0.5, 0.5), LOW), "misses the specification itself"),
        (
            lambda: shortest_truncation(design_filter(LOW, FilterFamily.ELLIPTIC), LOW, max_taps=9),
            "no truncation of at most 9 taps",
        ),
        (lambda: LOW.measure(IIR(np.eye(2) / 2, np.ones(2))), "one input and one output"),
        (lambda: LOW.measure(IIR(1.5, 1.0)), "unstable"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_family_must_be_a_member():
    with pytest.raises(TypeError, match="family must be a member"):
        design_filter(LOW, "elliptic")
