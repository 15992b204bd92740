# mistake: the error at frequency zero taken for the largest
# hint: 1
def truncation_taps(p, tol):
    K = 1
    while abs(p) ** K / (1 - p) > tol:
        K += 1
    return K


def best_taps(p, tol):
    K = 1
    while abs(p) ** K / (1 - p**2) > tol:
        K += 1
    taps = float(p) ** np.arange(K)
    taps[-1] /= 1 - p**2
    return taps
