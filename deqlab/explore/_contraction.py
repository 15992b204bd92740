"""The contraction f(z) = z* + λ (z − z*) of the complex plane, iterated in a chosen precision.

``contraction.js`` does the same in the browser; a test compares the two bit by bit.

The true error has to be known far below the rounding level. So z* has 31 significant bits, L and
the parts of λ are multiples of 2⁻²⁰, and b = z* − λ z* in f(z) = λ z + b is exact in float64. A
step is evaluated in float64 and then rounded to the precision, with an error of at most

    η = 3 u₆₄ (L |z| + |f(z)|) + u |f(z)|,

u₆₄ = 2⁻⁵³ for the two products and two sums of a component (of the norm √2 L |z| at most for each
product), and u for the rounding of the result, zero where the precision is float64.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from deqlab.explore._drawing import beside_one, power, size
from deqlab.explore._orbits import Verdict

FIXED = (1325618087 / 2**30, -781273349 / 2**30)  # z*: 31 and 30 bits, odd multiples of 2^-30
DIRECTION = (0.6, 0.8)  # of z_0 - z*
HORIZON = 5000  # steps after which the textbook bound is below 1e-15 for every setting
U64 = 2.0**-53


@dataclass(frozen=True)
class Precision:
    """A floating-point format: its unit roundoff, and how a float64 number is rounded to it."""

    title: str
    roundoff: float
    rounded: Callable[[float], float]


def _to_float32(x: float) -> float:
    import numpy as np

    return float(np.float32(x))


def _to_bfloat16(x: float) -> float:
    fraction, exponent = math.frexp(x)
    return math.ldexp(round(math.ldexp(fraction, 8)), exponent - 8)  # round() goes to even


PRECISIONS = {
    "exact": Precision("exact", 0.0, lambda x: x),
    "float64": Precision("float64", 0.0, lambda x: x),
    "float32": Precision("float32", 2.0**-24, _to_float32),
    "bfloat16": Precision("bfloat16", 2.0**-8, _to_bfloat16),
}


def down(x: float) -> float:
    """Return x rounded towards zero to a multiple of 2⁻²⁰ (or from within 10⁻¹² of one to it)."""
    return math.copysign(math.floor(abs(x) * 2**20 + 1e-6) / 2**20, x) + 0.0


@dataclass(frozen=True)
class Run:
    """Errors |z_k − z*|, residuals |f(z_k) − z_k| and rounding bounds η, for k = 0, 1, ..."""

    L: float
    eigenvalue: tuple[float, float]
    errors: list[float]
    residuals: list[float]
    etas: list[float]
    floor: float

    @property
    def ratio(self) -> float:
        """|1 − λ|, the residual over the error in exact arithmetic."""
        return math.hypot(1 - self.eigenvalue[0], self.eigenvalue[1])


@dataclass(frozen=True)
class Bounds:
    """The bounds of |z_k − z*| for k = 0, 1, ...; with rounding or, as in textbooks, without."""

    prior: list[float]
    posterior: list[float]
    lower: list[float]


def iterate(lipschitz: float, angle: float, distance: float, precision: str) -> Run:
    """Return `HORIZON` steps from z_0 = z* + distance (0.6 + 0.8i)."""
    L = down(lipschitz)
    turn = math.radians(angle)
    real, imaginary = down(L * math.cos(turn)), down(L * math.sin(turn))
    ratio = math.hypot(1 - real, imaginary)
    if precision == "exact":
        errors = [distance * math.hypot(real, imaginary) ** k for k in range(HORIZON + 1)]
        residuals = [ratio * error for error in errors]
        return Run(L, (real, imaginary), errors, residuals, [0.0] * len(errors), 0.0)

    p, q = FIXED
    b, c = p - (real * p - imaginary * q), q - (real * q + imaginary * p)
    rounded, roundoff = PRECISIONS[precision].rounded, PRECISIONS[precision].roundoff
    x, y = (rounded(z + distance * d) for z, d in zip(FIXED, DIRECTION, strict=True))
    errors, residuals, etas = [], [], []
    for _ in range(HORIZON + 1):
        u = rounded(real * x - imaginary * y + b)
        v = rounded(real * y + imaginary * x + c)
        image = math.hypot(u, v)
        errors.append(math.hypot(x - p, y - q))
        residuals.append(math.hypot(u - x, v - y))
        etas.append(3 * U64 * (L * math.hypot(x, y) + image) + roundoff * image)
        x, y = u, v
    size_ = math.hypot(p, q)
    eta = 3 * U64 * (L * size_ + size_) + roundoff * size_
    return Run(L, (real, imaginary), errors, residuals, etas, eta / (1 - L))


def bounds(run: Run, *, rounding: bool) -> Bounds:
    """Return (L^k |z_1 − z_0| + η)/(1 − L), (|r_k| + η)/(1 − L) and (|r_k| − η)/(1 + L).

    The η of the first is the largest one up to k, that of the others belongs to z_k; η = 0 without
    rounding. A negative lower bound is given as 0.
    """
    L, prior, posterior, lower, largest = run.L, [], [], [], 0.0
    for k, (residual, eta) in enumerate(zip(run.residuals, run.etas, strict=True)):
        eta = eta if rounding else 0.0
        largest = max(largest, eta)
        prior.append((L**k * run.residuals[0] + largest) / (1 - L))
        posterior.append((residual + eta) / (1 - L))
        lower.append(max(residual - eta, 0.0) / (1 + L))
    return Bounds(prior, posterior, lower)


@dataclass(frozen=True)
class Counts:
    """First steps at which the a-priori bound, the error and the a-posteriori bound are small."""

    promised: int | None
    reached: int | None
    certified: int | None


def count(run: Run, bound: Bounds, tol: float) -> Counts:
    """Return the first steps with values of at most the tolerance, None for never."""

    def first(values: list[float]) -> int | None:
        return next((k for k, value in enumerate(values) if value <= tol), None)

    return Counts(first(bound.prior), first(run.errors), first(bound.posterior))


def judge(run: Run, counts: Counts, exponent: int) -> Verdict:
    """Say when the tolerance 10^exponent is promised, reached and certified."""
    goal = f"|eₖ| ≤ {power(exponent)}"
    for name, k in (("certified", counts.certified), ("promised", counts.promised)):
        if k is not None and run.errors[k] > 10.0**exponent * (1 + 1e-9):
            ratio = run.errors[k] / 10.0**exponent
            error = size(run.errors[k])
            if ratio < 1.05:  # which must not look like the goal itself
                error = f"{beside_one(ratio)} × {power(exponent)}"
            text = f"{name} at step {k}, but false: there |eₖ| = {error}"
            return Verdict("broken", f"{goal} is {text}, as the bound leaves rounding out")
    floor = f"the rounding floor is {size(run.floor)}"
    if counts.reached is None:
        return Verdict("floor", f"{goal} is never reached: {floor}")
    if counts.certified is None:
        return Verdict(
            "floor", f"{goal} is reached at step {counts.reached}, never certified: {floor}"
        )
    promised = (
        "never promised" if counts.promised is None else f"promised at step {counts.promised}"
    )
    reached = f"reached at {counts.reached}, certified at {counts.certified}"
    return Verdict("reached", f"{goal} is {promised}, {reached}")
