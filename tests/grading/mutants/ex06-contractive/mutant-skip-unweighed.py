# mistake: the skip connection is not weighed: s + p q
import numpy as np


def lipschitz(s, p, q):
    return s + p * q


def gain(s, p, q, u):
    return p * u / (1 - p * q)


def steps(L, first, tol):
    return max(0, int(np.ceil(np.log(tol * (1 - L) / first) / np.log(L))))


def nearest(W, bound):
    left, sizes, right = np.linalg.svd(W)
    return (left * np.minimum(sizes, bound)) @ right
