# mistake: the weights of the iterates taken for the window of the taps
# hint: 2
def window_tap(k, K, gamma):
    return gamma * (1 - gamma) ** (K - k - 1)


def error_factor(lam, K, gamma):
    total = (1 - gamma) ** K
    for j in range(1, K + 1):
        total = total + gamma * (1 - gamma) ** (K - j) * lam**j
    return total
