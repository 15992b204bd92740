import sympy


def factor(lam, k, tau):
    beta = 1 - tau * (1 - lam)
    return 1 / (1 - lam) - beta**k / (1 - lam)


def terms_needed(lam, tau, tol):
    error, k = abs(1 - tau * (1 - lam)), 1
    if error >= 1:
        return None
    left = error
    while left > tol:
        left, k = left * error, k + 1
    return k


def best_relaxation(p, q):
    tau = sympy.Symbol("tau", positive=True)
    ends = 1 - tau * (1 - p), 1 - tau * (1 - q)
    return float(sympy.solve(sympy.Eq(ends[0], -ends[1]), tau)[0])
