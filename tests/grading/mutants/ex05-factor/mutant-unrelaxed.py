# mistake: the relaxation is ignored
# hint: 3
def factor(lam, k, tau):
    return (1 - lam**k) / (1 - lam)


def terms_needed(lam, tau, tol):
    if abs(lam) >= 1:
        return None
    k = 1
    while abs(lam) ** k > tol:
        k += 1
    return k


def best_relaxation(p, q):
    return 1.0
