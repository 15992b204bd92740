# mistake: the relaxation that zeroes the middle of the wrong interval
# hint: 3
def factor(lam, k, tau):
    return (1 - (1 - tau + tau * lam) ** k) / (1 - lam)


def terms_needed(lam, tau, tol):
    beta = abs(1 - tau + tau * lam)
    if beta >= 1:
        return None
    k = 1
    while beta**k > tol:
        k += 1
    return k


def best_relaxation(p, q):
    return 1 / (1 - q)
