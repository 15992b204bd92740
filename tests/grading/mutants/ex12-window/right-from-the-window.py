def window_tap(k, K, gamma):
    return 1 - (1 - gamma) ** (K - k)


def error_factor(lam, K, gamma):
    return 1 - (1 - lam) * sum(window_tap(k, K, gamma) * lam**k for k in range(K))
