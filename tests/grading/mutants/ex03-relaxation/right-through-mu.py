def best_for_pair(a, b):
    mu = (1 - a, b)
    tau = mu[0] / (mu[0] ** 2 + mu[1] ** 2)
    return tau, sp.sqrt((1 - tau * mu[0]) ** 2 + (tau * mu[1]) ** 2)


def schedule(p, q, K):
    centre, half = 1 - (p + q) / 2, (q - p) / 2
    taus = [1 / (centre - half * np.cos((2 * j - 1) * np.pi / (2 * K))) for j in range(1, K + 1)]
    at_end = np.prod([1 - t * (1 - p) for t in taus])
    return np.array(taus)[::-1], abs(at_end)
