# mistake: the steps are counted without 1/(1 - L)
import numpy as np


def lipschitz(s, p, q):
    return s + (1 - s) * p * q


def gain(s, p, q, u):
    return p * u / (1 - p * q)


def steps(L, first, tol):
    return max(0, int(np.ceil(np.log(tol / first) / np.log(L))))


def nearest(W, bound):
    left, sizes, right = np.linalg.svd(W)
    return (left * np.minimum(sizes, bound)) @ right
