# mistake: the logarithm is rounded down
import math


def factor(lam, k, tau):
    return (1 - (1 - tau + tau * lam) ** k) / (1 - lam)


def terms_needed(lam, tau, tol):
    beta = abs(1 - tau + tau * lam)
    if beta >= 1:
        return None
    if beta == 0:
        return 1
    return max(1, math.floor(math.log(tol) / math.log(beta)))


def best_relaxation(p, q):
    return 2 / (2 - p - q)
