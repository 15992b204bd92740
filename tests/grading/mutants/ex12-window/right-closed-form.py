def window_tap(k, K, gamma):
    q = 1 - gamma
    return (q**k - q**K) / q**k


def error_factor(lam, K, gamma):
    q = 1 - gamma
    if abs(lam - q) < 1e-6:
        return sum(gamma * q ** (K - j) * lam**j for j in range(1, K + 1)) + q**K
    return q**K + gamma * lam * (lam**K - q**K) / (lam - q)
