# mistake: the tap at which the error is small enough is counted in
# hint: 3
def truncation_taps(p, tol):
    K = 1
    while abs(p) ** K / (1 - abs(p)) > tol:
        K += 1
    return K + 1


def best_taps(p, tol):
    K = 1
    while abs(p) ** K / (1 - p**2) > tol:
        K += 1
    taps = float(p) ** np.arange(K)
    taps[-1] /= 1 - p**2
    return taps
