# mistake: beta without its absolute value
# hint: 3
import math


def factor(lam, k, tau):
    return (1 - (1 - tau + tau * lam) ** k) / (1 - lam)


def terms_needed(lam, tau, tol):
    beta = 1 - tau + tau * lam
    if beta >= 1:
        return None
    k = 1
    while beta**k > tol:
        k += 1
        if k > 5000:
            return None
    return k


def best_relaxation(p, q):
    return 2 / (2 - p - q)
