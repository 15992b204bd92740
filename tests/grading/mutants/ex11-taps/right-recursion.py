def truncation_taps(p, tol):
    taps, error = 0, 1 / (1 - abs(p))
    while True:
        taps, error = taps + 1, error * abs(p)
        if error <= tol:
            return taps


def best_taps(p, tol):
    taps, last = [], 1.0
    while True:
        if abs(p * last) / (1 - p**2) <= tol:
            return np.array([*taps, last / (1 - p**2)])
        taps.append(last)
        last = last * p
