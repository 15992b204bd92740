# mistake: the whole tail is put into the last tap
# hint: 3
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
    taps[-1] /= 1 - p
    return taps
