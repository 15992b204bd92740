# mistake: the error factor leaves out the weight of the start
# hint: 1
def window_tap(k, K, gamma):
    return 1 - (1 - gamma) ** (K - k)


def error_factor(lam, K, gamma):
    total = 0
    for j in range(1, K + 1):
        total = total + gamma * (1 - gamma) ** (K - j) * lam**j
    return total
