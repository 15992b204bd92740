# mistake: the spectral radius is bounded in place of the norm
import numpy as np


def lipschitz(s, p, q):
    return s + (1 - s) * p * q


def gain(s, p, q, u):
    return p * u / (1 - p * q)


def steps(L, first, tol):
    return max(0, int(np.ceil(np.log(tol * (1 - L) / first) / np.log(L))))


def nearest(W, bound):
    return W * min(1, bound / np.abs(np.linalg.eigvals(W)).max())
