# mistake: the closed form is used where it is 0/0
# hint: 3
def window_tap(k, K, gamma):
    return 1 - (1 - gamma) ** (K - k)


def error_factor(lam, K, gamma):
    q = np.float64(1 - gamma)
    with np.errstate(all='ignore'):
        return q**K + gamma * lam * (np.complex128(lam) ** K - q**K) / (lam - q)
