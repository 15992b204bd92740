"""Filters b(z)/a(z) of low order: coefficients from poles and zeros, responses, DC gain.

Plain floats throughout. ``filter.js`` does the same in the browser; a test compares the two.
"""

import math


def factors(kind: str, real: float, radius: float, angle: float) -> list[float]:
    """Return the coefficients in 1/z of 1, of 1 − x/z or of (1 − p/z)(1 − p̄/z), p = r e^{iθ°}."""
    if kind == "none":
        return [1.0]
    if kind == "real":
        return [1.0, -real]
    return [1.0, -2 * radius * math.cos(math.radians(angle)), radius * radius]


def respond(b: list[float], a: list[float], u: list[float]) -> list[float]:
    """Return y with a₀ y_k + a₁ y_{k−1} + ... = b₀ u_k + b₁ u_{k−1} + ..., from rest; a₀ = 1."""
    y: list[float] = []
    for k in range(len(u)):
        total = 0.0
        for j in range(min(len(b), k + 1)):
            total += b[j] * u[k - j]
        for j in range(1, min(len(a), k + 1)):
            total -= a[j] * y[k - j]
        y.append(total)
    return y


def value(coefficients: list[float], w: float) -> complex:
    """Return c₀ + c₁ e^{−iω} + c₂ e^{−2iω} + ..."""
    real = imaginary = 0.0
    for k, c in enumerate(coefficients):
        real += c * math.cos(k * w)
        imaginary -= c * math.sin(k * w)
    return complex(real, imaginary)


def decibels(b: list[float], a: list[float], w: float) -> float:
    """Return 20 log₁₀ |H(e^{iω})|, ±400 where it is 0 or infinite."""
    above, below = abs(value(b, w)), abs(value(a, w))
    if below < 1e-12:
        return 400.0
    return 20 * math.log10(max(above / below, 1e-20))


def dc_gain(b: list[float], a: list[float]) -> float:
    """Return H(1), infinite where 1 is a pole."""
    above = below = 0.0
    for c in b:
        above += c
    for c in a:
        below += c
    return above / below if abs(below) > 1e-12 else math.inf
