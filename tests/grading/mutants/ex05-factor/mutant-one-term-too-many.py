# mistake: k + 1 terms
# hint: 2
def factor(lam, k, tau):
    return (1 - (1 - tau + tau * lam) ** (k + 1)) / (1 - lam)


def terms_needed(lam, tau, tol):
    beta = abs(1 - tau + tau * lam)
    if beta >= 1:
        return None
    k = 1
    while beta**k > tol:
        k += 1
    return max(k - 1, 1)


def best_relaxation(p, q):
    return 2 / (2 - p - q)
