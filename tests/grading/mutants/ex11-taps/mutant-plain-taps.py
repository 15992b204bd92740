# mistake: the taps of plain truncation
def truncation_taps(p, tol):
    K = 1
    while abs(p) ** K / (1 - abs(p)) > tol:
        K += 1
    return K


def best_taps(p, tol):
    K = 1
    while abs(p) ** K / (1 - p**2) > tol:
        K += 1
    taps = float(p) ** np.arange(K)
    return taps
