"""What chapter 11 claims, each claim as a property under its hypotheses."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal
from scipy.optimize import linprog

from deqlab import (
    FIR,
    IIR,
    FilterFamily,
    FilterSpec,
    HalfWindow,
    design_filter,
    half_window,
)

EPS = np.finfo(np.float64).eps

seeds = st.integers(0, 2**32 - 1)
poles = st.floats(-0.95, 0.95).filter(lambda p: abs(p) > 0.05)
CIRCLE = np.exp(1j * np.linspace(0, np.pi, 2001))


def stable(d, seed, radius=0.9):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(d, d))
    return A * (radius / max(abs(np.linalg.eigvals(A)))), rng


@given(seeds, st.integers(1, 5))
def test_a_filter_is_the_convolution_with_its_impulse_response(seed, d):
    A, rng = stable(d, seed)
    f, u = IIR(A, rng.normal(size=d)), rng.normal(size=40)
    h = f.impulse_response(40)
    expected = [sum(h[j] * u[k - j] for j in range(k + 1)) for k in range(40)]
    scale = np.max(np.linalg.norm(h, axis=1)) * np.sum(np.abs(u))
    assert np.max(np.abs(f.respond(u) - expected)) <= 1e-11 * scale


@given(seeds, st.integers(1, 5))
def test_bounded_inputs_give_states_bounded_by_the_summed_echo(seed, d):
    A, rng = stable(d, seed)
    f = IIR(A, rng.normal(size=(d, 2)))
    u = rng.uniform(-1, 1, size=(200, 2))
    total = np.sum(np.linalg.norm(f.impulse_response(200), 2, axis=(1, 2)))
    largest = np.max(np.linalg.norm(u, axis=1))
    assert np.max(np.linalg.norm(f.respond(u), axis=1)) <= total * largest * (1 + 1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi])
def test_a_pole_on_the_circle_grows_with_an_input_that_keeps_time(angle):
    """Linearly, and bounded for the other inputs."""
    A = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    f, k = IIR(A, np.eye(2)), np.arange(2000)
    in_time = np.stack([np.cos(angle * k), np.sin(angle * k)], axis=1)
    states = np.linalg.norm(f.respond(in_time), axis=1)
    assert states == pytest.approx(k + 1)
    off = np.stack([np.cos((angle + 1) * k), np.sin((angle + 1) * k)], axis=1)
    assert np.max(np.linalg.norm(f.respond(off), axis=1)) < 3


@given(seeds, st.integers(1, 4), st.floats(0, np.pi))
def test_every_frequency_is_a_fixed_point_problem(seed, d, omega):
    """z_k − ζ^k H x = A^{k+1} (z_{−1} − ζ^{−1} H x), from every real start."""
    A, rng = stable(d, seed, radius=0.8)
    f, k, z0 = IIR(A, rng.normal(size=d)), np.arange(30), rng.normal(size=d)
    zeta, H = np.exp(1j * omega), f.frequency_response(omega)
    z = f.respond(np.cos(omega * k), z0) + 1j * f.respond(np.sin(omega * k))
    powers = [np.linalg.matrix_power(A, j + 1) for j in k]
    expected = [zeta**j * H + powers[j] @ (z0 - H / zeta) for j in k]
    scale = max(np.linalg.norm(P, 2) for P in powers) * (np.linalg.norm(H) + np.linalg.norm(z0))
    resolvent = np.linalg.inv(np.eye(d) - A / zeta)
    scale += np.linalg.norm(resolvent, 2) ** 2 * np.linalg.norm(f.B)
    assert np.max(np.abs(z - expected)) <= 1e-11 * scale
    turned = np.linalg.solve(np.eye(d) - A / zeta, f.B)
    assert np.max(np.abs(turned - H)) <= 1e-12 * scale


@given(seeds, st.integers(1, 3), st.integers(0, 3))
def test_the_gain_is_a_quotient_of_distances(seed, pairs, zeros):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.2, 0.9, pairs) * np.exp(1j * rng.uniform(0, np.pi, pairs))
    zeros = min(zeros, pairs)
    q = rng.uniform(0.2, 1.5, zeros) * np.exp(1j * rng.uniform(0, np.pi, zeros))
    p, q = np.r_[p, p.conj()], np.r_[q, q.conj()]
    f = IIR.from_sos(signal.zpk2sos(q, p, 1.0))
    zeta = CIRCLE[::100]
    above = np.prod(np.abs(zeta[:, None] - q), axis=1)
    below = np.prod(np.abs(zeta[:, None] - p), axis=1)
    gain = np.abs(f.frequency_response(np.angle(zeta)))
    assert gain == pytest.approx(above / below, rel=1e-9, abs=1e-10)


@given(poles, st.integers(1, 30))
def test_the_best_imitation_of_a_pole_has_the_stated_error_everywhere(p, K):
    taps = p ** np.arange(float(K))
    plain = np.abs(1 / (1 - p / CIRCLE) - FIR(taps).frequency_response(np.angle(CIRCLE)))
    taps[-1] /= 1 - p**2
    best = np.abs(1 / (1 - p / CIRCLE) - FIR(taps).frequency_response(np.angle(CIRCLE)))
    rounding = 100 * EPS / (1 - abs(p)) ** 2
    assert np.max(np.abs(best - abs(p) ** K / (1 - p**2))) <= rounding
    assert abs(np.max(plain) - abs(p) ** K / (1 - abs(p))) <= rounding


@pytest.mark.parametrize(("p", "K"), [(0.5, 1), (0.7, 3), (-0.8, 5), (0.9, 8)])
def test_no_fir_filter_imitates_a_pole_better(p, K):
    """A linear programme over all real taps; its 64 directions see a modulus to 1/cos(π/64)."""
    w, directions = np.linspace(0, np.pi, 160), 64
    phases = np.exp(2j * np.pi * np.arange(directions) / directions)[:, None, None]
    rows = -(phases * np.exp(-1j * np.outer(w, np.arange(K)))).real.reshape(-1, K)
    limit = -(phases[..., 0] / (1 - p * np.exp(-1j * w))).real.ravel()
    found = linprog(
        np.eye(K + 1)[K],
        A_ub=np.column_stack([rows, -np.ones(len(rows))]),
        b_ub=limit,
        bounds=(None, None),
    )
    bound = abs(p) ** K / (1 - p**2)
    assert bound * np.cos(np.pi / directions) * (1 - 1e-3) <= found.fun <= bound * (1 + 1e-9)


@given(seeds, st.integers(1, 40), st.integers(1, 4))
def test_no_fir_filter_is_nearer_in_mean_square_than_truncation(seed, K, d):
    A, rng = stable(d, seed)
    f = IIR(A, rng.normal(size=d), rng.normal(size=d), rng.normal())
    h = f.impulse_response(K + 400)
    other = h[:K] + rng.normal(size=K)
    kept = np.sum((h - np.r_[h[:K], np.zeros(400)]) ** 2)
    assert np.sum((h - np.r_[other, np.zeros(400)]) ** 2) > kept


@given(seeds, st.integers(1, 30), st.sampled_from(HalfWindow), st.integers(1, 4))
def test_a_windowed_response_is_off_by_at_most_both_sums(seed, K, window, d):
    A, rng = stable(d, seed)
    f = IIR(A, rng.normal(size=d))
    w = np.linspace(0, np.pi, 40)
    sizes = np.linalg.norm(f.impulse_response(3000), axis=1)
    bound = np.sum((1 - half_window(window, K)) * sizes[:K]) + np.sum(sizes[K:])
    off = f.frequency_response(w) - f.truncate(K, window).frequency_response(w)
    assert np.max(np.linalg.norm(off, axis=1)) <= bound * (1 + 1e-9) + 1e-10


@given(st.floats(0.01, 0.99), st.integers(1, 50), st.sampled_from(HalfWindow))
def test_no_taper_has_a_smaller_dc_error_where_the_echo_has_one_sign(p, K, window):
    f = IIR(p, 1.0)
    plain = f.dc_gain() - f.truncate(K).dc_gain()
    tapered = f.dc_gain() - f.truncate(K, window).dc_gain()
    assert tapered >= plain - 100 * EPS / (1 - p) ** 2


def test_taps_grow_like_the_reciprocal_of_the_transition_and_orders_like_its_logarithm():
    taps, orders = [], []
    for width in (0.2, 0.1, 0.05, 0.025):
        edges = {"pass_edge": 0.25 * np.pi, "stop_edge": (0.25 + width) * np.pi}
        spec = FilterSpec(**edges, ripple=1.0, attenuation=50.0)
        taps.append(design_filter(spec, FilterFamily.EQUIRIPPLE).taps)
        orders.append(design_filter(spec, FilterFamily.ELLIPTIC).order)
    assert all(1.8 < b / a < 2.1 for a, b in pairwise(taps))
    assert all(b - a in (0, 1) for a, b in pairwise(orders))


@given(st.floats(0.01, 0.99))
def test_equal_noise_passes_a_smoother_and_an_average_of_1_plus_a_over_1_minus_a(a):
    h = (1 - a) * a ** np.arange(8000.0)
    assert np.sum(h**2) == pytest.approx((1 - a) / (1 + a), rel=1e-10)


def test_an_fir_filter_is_a_recursion_with_all_poles_at_zero():
    taps = np.array([0.5, -0.3, 0.2, 0.1])
    shift = IIR(np.eye(4, k=-1), np.eye(4)[0], taps @ np.eye(4, k=-1), taps[0])
    assert np.all(shift.poles() == 0)
    assert shift.impulse_response(6) == pytest.approx(FIR(taps).impulse_response(6), abs=1e-16)
    assert shift.settling_time(1e-9) == 4


@pytest.mark.parametrize(("r", "theta"), [(0.99, 0.5), (0.999, 1.5)])
def test_a_peak_is_twice_one_minus_r_wide(r, theta):
    pole = r * np.exp(1j * theta)
    gain = lambda w: 1 / abs(np.exp(1j * w) - pole)  # noqa: E731
    for side in (-1, 1):
        half_power = gain(theta + side * (1 - r)) / gain(theta)
        assert half_power == pytest.approx(1 / np.sqrt(2), rel=2 * (1 - r))
