# mistake: the number of taps is rounded to the nearest integer
def count(p, bound):
    return max(1, round(np.log(bound) / np.log(abs(p)))) if p else 1


def truncation_taps(p, tol):
    return count(p, tol * (1 - abs(p)))


def best_taps(p, tol):
    taps = float(p) ** np.arange(count(p, tol * (1 - p**2)))
    taps[-1] /= 1 - p**2
    return taps
