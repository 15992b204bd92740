"""A search for the zeros of a function of one variable that overlooks none.

``plane.js`` does the same in the browser.
"""

from collections.abc import Callable


def zeros(
    g: Callable[[float, float], tuple[float, float, float]], reach: float, apart: float
) -> list[float]:
    """Return the zeros of a function in [-reach, reach], all of them that lie apart.

    ``g(u, radius)`` returns the value and the slope at u, and a bound of the second derivative
    within the radius. Taylor's theorem then excludes an interval, or proves the function monotone
    on it, or asks for both halves. What is left at 1/64 of the distance ``apart`` surrounds a zero
    of higher order, or zeros too close to tell apart: one of them is returned.
    """
    found: list[float] = []
    clusters: list[tuple[float, float]] = []

    def value(u: float) -> float:
        return g(u, 0)[0]

    intervals = [(-reach, reach)]
    while intervals:
        left, right = intervals.pop()
        middle, radius = (left + right) / 2, (right - left) / 2
        height, slope, curvature = g(middle, radius)
        if abs(height) > (abs(slope) + curvature * radius / 2) * radius:
            continue
        if abs(slope) > curvature * radius:
            if (value(left) > 0) != (value(right) > 0):
                found.append(_bisect(value, left, right))
        elif radius > apart / 64:
            intervals += [(middle, right), (left, middle)]
        elif clusters and left - clusters[-1][1] < apart:
            clusters[-1] = (clusters[-1][0], right)
        else:
            clusters.append((left, right))
    for left, right in clusters:
        middle = (left + right) / 2
        near = [u for u in found if left - apart < u < right + apart]
        height, _, curvature = g(middle, apart / 64)
        if (value(left) > 0) != (value(right) > 0):
            found = [u for u in found if u not in near]
            found.append(_bisect(value, left, right))
        elif not near and abs(height) <= curvature * (apart / 64) ** 2:
            found.append(middle)
    return sorted(u + 0.0 for u in found)


def _bisect(value: Callable[[float], float], left: float, right: float) -> float:
    rising = value(right) > 0
    for _ in range(60):
        middle = (left + right) / 2
        if value(middle) == 0:
            return middle
        if (value(middle) > 0) == rising:
            right = middle
        else:
            left = middle
    return (left + right) / 2
