def untied_taps(A, B, M):
    taps = [M]
    for A_k, B_k in zip(A, B, strict=True):
        taps = [B_k, *(A_k @ tap for tap in taps)]
    return np.array(taps)


def layers_with_taps(G):
    # layers that double: the tap of layer k is halved once for every later layer
    K, d = len(G) - 1, G.shape[1]
    A = np.tile(2.0 * np.eye(d), (K, 1, 1))
    B = np.array([G[K - 1 - k] / 2.0 ** (K - 1 - k) for k in range(K)])
    return A, B, G[K] / 2.0**K
