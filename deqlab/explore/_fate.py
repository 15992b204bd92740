"""What becomes of an orbit of z -> φ(W z + b) in the plane, in words.

``plane.js`` says the same in the browser; a test compares the two.
"""

import math
from dataclasses import dataclass

from deqlab.explore._drawing import Point, beside_one, number, size
from deqlab.explore._orbits import HORIZON, LONGEST_CYCLE, Verdict
from deqlab.explore._plane import FAR, FixedPoint, Spectrum, orbit


@dataclass(frozen=True)
class Fate:
    """What becomes of an orbit, the fixed point it tends to, and its largest |e_k| / |e_0|."""

    verdict: Verdict
    limit: FixedPoint | None = None
    growth: float = 0.0
    peak: int = 0


def judge(
    activation: str, spectrum: Spectrum, b: Point, start: Point, fixed: list[FixedPoint]
) -> Fate:
    """Say what becomes of the orbit from start, from `HORIZON` steps of it."""
    W = spectrum.matrix()
    points = orbit(activation, W, b, start, HORIZON)
    last = points[-1]
    if math.hypot(*last) > FAR:
        passed = f"|zₖ| passes one million at step {len(points) - 1}"
        outside = activation == "identity" and spectrum.radius > 1
        why = f", as ρ(W) = {number(spectrum.radius, 2)} > 1" if outside else ""
        return Fate(Verdict("diverges", f"diverges: {passed}{why}"))
    if fixed:
        limit = min(fixed, key=lambda point: math.dist(point.z, last))
        away, before = math.dist(limit.z, last), math.dist(limit.z, points[HORIZON // 2])
        if away < 1e-6 * max(1, math.hypot(*last)):
            errors = [math.dist(limit.z, z) for z in points]
            peak = errors.index(max(errors))
            growth = errors[peak] / errors[0] if errors[0] else 0.0
            verdict = _landed(activation, spectrum, limit, fixed, growth, peak)
            return Fate(verdict, limit, growth, peak)
        if limit.kind in ("attracting", "marginal") and away < 0.999 * before:
            text = f"creeps towards {place(limit.z)}, still {size(away)} away after 10⁴ steps"
            return Fate(Verdict("slow", f"marginal: {text}"), limit)
    if math.dist(last, points[-2]) <= 1e-12 * max(1, math.hypot(*last)):
        text = f"marginal: lands on {place(last)}, one of a line of fixed points"
        return Fate(Verdict("marginal", text))
    for period in range(2, LONGEST_CYCLE + 1):
        if math.dist(last, points[-1 - period]) <= 1e-9:
            swap = f" {place(min(points[-2:]))} ↔ {place(max(points[-2:]))}" if period == 2 else ""
            if activation == "identity":
                text = f"marginal: ρ(W) = 1, so the orbit repeats for ever, a {period}-cycle{swap}"
            else:
                text = f"oscillates: settles on a {period}-cycle{swap}"
            return Fate(Verdict("cycle", text))
    if activation == "identity":
        grows = math.hypot(*last) > 1.5 * math.hypot(*points[HORIZON // 2])
        how = "grows, though slower than any power" if grows else "neither decays nor grows"
        return Fate(Verdict("marginal", f"marginal: ρ(W) = 1 and the orbit {how}"))
    text = "stays bounded without settling: no cycle up to length 64 in 10⁴ steps"
    return Fate(Verdict("bounded", text))


def place(z: Point) -> str:
    """Return the coordinates of a point."""
    return f"({number(z[0], 2)}, {number(z[1], 2)})"


def _landed(
    activation: str,
    spectrum: Spectrum,
    limit: FixedPoint,
    fixed: list[FixedPoint],
    growth: float,
    peak: int,
) -> Verdict:
    norm, at = f"‖W‖ = {beside_one(spectrum.norm)}", place(limit.z)
    first_grows = f"; |eₖ| first grows, to {number(growth, 2)} |e₀| at step {peak}"
    tail = first_grows if growth > 1.005 else ""
    if spectrum.norm < 1:
        return Verdict("contraction", f"contraction: {norm} < 1, so every start converges to {at}")
    if limit.kind == "marginal":
        return Verdict(
            "marginal", f"marginal: lands on {at}, where an eigenvalue of J has modulus 1"
        )
    if limit.kind != "attracting":
        kind = "saddle" if limit.kind == "saddle" else "repelling fixed point"
        return Verdict("balanced", f"lands on the {kind} {at}: almost any nudge drives it away")
    if activation == "identity":
        radius = f"ρ(W) = {number(spectrum.radius, 2)} < 1"
        return Verdict("converges", f"converges to {at}: {radius}, though {norm}{tail}")
    attracting = sum(point.kind == "attracting" for point in fixed)
    if len(fixed) == 1:
        company = "the only fixed point"
    elif attracting > 1:
        company = f"one of {attracting} that attract, of {len(fixed)} fixed points"
    else:
        company = f"the only one of {len(fixed)} fixed points that attracts"
    return Verdict("converges", f"converges to {at}, {company}; not certified, {norm}{tail}")
