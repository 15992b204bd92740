# mistake: the relaxed iteration, which feeds the average back
def window_tap(k, K, gamma):
    return 1 - (1 - gamma) ** (K - k)


def error_factor(lam, K, gamma):
    return (1 - gamma + gamma * lam) ** K
