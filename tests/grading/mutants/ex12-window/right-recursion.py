def window_tap(k, K, gamma):
    return 1 - (1 - gamma) ** (K - k)


def error_factor(lam, K, gamma):
    error = average = 1.0
    for _ in range(K):
        error = lam * error
        average = (1 - gamma) * average + gamma * error
    return average
