"""The K-step iteration z ← A z + b as a truncated impulse response, and averages as windows of it.

With A = r R(θ), a rotation by θ times r, the iteration is the scalar one of the complex plane,
z ← p z + b, p = r e^{iθ}; a real pole is the case θ = 0° or 180°. From z_0 = 0 an average Σ P_j z_j
with ΣP_j = 1 is Σ_{k<K} w_k p^k b with the window w_k = Σ_{j>k} P_j, and its error is

    (Σ_j P_j z_j − z*) / z* = −Σ_j P_j p^j,    z* = b / (1 − p).

``windows.js`` does the same in the browser; a test compares the two.
"""

import math

WINDOWS = ("rectangle", "half-hann", "half-triangular", "binomial")
MOST = 64  # taps


def window(name: str, taps: int, tau: float) -> list[float]:
    """Return w_0, ..., w_{K−1}, the right half of a window of 2K + 1 points without its end."""
    if name == "half-hann":
        return [(1 + math.cos(math.pi * k / taps)) / 2 for k in range(taps)]
    if name == "half-triangular":
        return [(taps - k) / taps for k in range(taps)]
    if name == "rectangle" or tau == 1:
        return [1.0] * taps
    survival, mass = [], (1 - tau) ** taps  # P(Bin(K, τ) > k), from the probability of k
    rest = 1.0 - mass
    for k in range(taps):
        survival.append(rest)
        mass *= (taps - k) / (k + 1) * tau / (1 - tau)
        rest = max(rest - mass, 0.0)
    return survival


def averaging_weights(w: list[float]) -> list[float]:
    """Return P_0, ..., P_K of a window."""
    before, after = [1.0, *w], [*w, 0.0]
    return [p - q for p, q in zip(before, after, strict=True)]


def error(name: str, taps: int, radius: float, angle: float, tau: float) -> float:
    """Return |Σ P_j z_j − z*| / |z*|; for relaxed steps in closed form, |1 − τ + τ p|^K."""
    turn = math.radians(angle)
    if name == "binomial":
        p, q = 1 - tau + tau * radius * math.cos(turn), tau * radius * math.sin(turn)
        return math.hypot(p, q) ** taps
    real = imaginary = 0.0
    for j, weight in enumerate(averaging_weights(window(name, taps, tau))):
        real += weight * radius**j * math.cos(j * turn)
        imaginary += weight * radius**j * math.sin(j * turn)
    return math.hypot(real, imaginary)


def impulse(radius: float, angle: float, count: int) -> list[float]:
    """Return the first component of A^k e₁, r^k cos kθ, k < count."""
    turn = math.radians(angle)
    return [radius**k * math.cos(k * turn) for k in range(count)]
