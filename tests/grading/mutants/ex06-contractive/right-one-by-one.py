import math

import numpy as np


def lipschitz(s, p, q):
    return s * (1 - p * q) + p * q


def gain(s, p, q, u):
    kept = 1 - s
    return (
        kept * p * u / (kept - kept * p * q)
        if not hasattr(s, "free_symbols")
        else p * u / (1 - p * q)
    )


def steps(L, first, tol):
    if first / (1 - L) <= tol:
        return 0
    return math.ceil(math.log(first / (1 - L) / tol) / -math.log(L))


def nearest(W, bound):
    left, sizes, right = np.linalg.svd(W)
    out = np.zeros_like(W)
    for k, size in enumerate(sizes):
        out += min(size, bound) * np.outer(left[:, k], right[k])
    return out.tolist()
