# mistake: gamma and 1 - gamma exchanged
# hint: 2
def window_tap(k, K, gamma):
    return 1 - gamma ** (K - k)


def error_factor(lam, K, gamma):
    total = gamma**K
    for j in range(1, K + 1):
        total = total + (1 - gamma) * gamma ** (K - j) * lam**j
    return total
