# mistake: the sum begins one too late
def window_tap(k, K, gamma):
    return 1 - (1 - gamma) ** (K - k - 1)


def error_factor(lam, K, gamma):
    total = (1 - gamma) ** K
    for j in range(1, K + 1):
        total = total + gamma * (1 - gamma) ** (K - j) * lam**j
    return total
