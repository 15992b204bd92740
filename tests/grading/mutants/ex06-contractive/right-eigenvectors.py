import numpy as np


def lipschitz(s, p, q):
    return 1 - (1 - s) * (1 - p * q)


def gain(s, p, q, u):
    return u / (1 / p - q)


def steps(L, first, tol):
    k, bound = 0, first / (1 - L)
    while bound > tol:
        k, bound = k + 1, bound * L
    return k


def nearest(W, bound):
    values, vectors = np.linalg.eigh(W.T @ W)
    sizes = np.sqrt(np.maximum(values, 1e-300))
    factor = np.minimum(1, bound / sizes)
    return W @ (vectors * factor) @ vectors.T
