import math


def factor(lam, k, tau):
    mu = 1 - lam
    return (1 - (1 - tau * mu) ** k) / mu


def terms_needed(lam, tau, tol):
    beta = abs(1 - tau * (1 - lam))
    if beta >= 1:
        return None
    if beta == 0:
        return 1
    return max(1, math.ceil(math.log(tol) / math.log(beta) - 1e-12))


def best_relaxation(p, q):
    centre = (p + q) / 2
    return 1 / (1 - centre)
