from numpy.polynomial import chebyshev


def best_for_pair(a, b):
    mu = 1 - a
    return mu / (mu**2 + b**2), sp.sqrt(1 - mu**2 / (mu**2 + b**2))


def schedule(p, q, K):
    coefficients = [0] * K + [1]
    zeros = (p + q) / 2 + (q - p) / 2 * chebyshev.chebroots(coefficients)
    outside = (2 - p - q) / (q - p)
    return sorted(1 / (1 - zeros)), 1 / chebyshev.chebval(outside, coefficients)
