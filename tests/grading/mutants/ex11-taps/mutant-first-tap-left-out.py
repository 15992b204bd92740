# mistake: the error taken for the first tap left out
def truncation_taps(p, tol):
    K = 1
    while abs(p) ** K > tol:
        K += 1
    return K


def best_taps(p, tol):
    K = 1
    while abs(p) ** K / (1 - p**2) > tol:
        K += 1
    taps = float(p) ** np.arange(K)
    taps[-1] /= 1 - p**2
    return taps
