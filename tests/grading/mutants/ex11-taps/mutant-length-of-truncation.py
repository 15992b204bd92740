# mistake: as many taps as truncation needs
# hint: 2
def truncation_taps(p, tol):
    K = 1
    while abs(p) ** K / (1 - abs(p)) > tol:
        K += 1
    return K


def best_taps(p, tol):
    K = 1
    while abs(p) ** K / (1 - abs(p)) > tol:
        K += 1
    taps = float(p) ** np.arange(K)
    taps[-1] /= 1 - p**2
    return taps
