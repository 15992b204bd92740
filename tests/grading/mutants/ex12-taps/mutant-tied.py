# mistake: powers of the last layer, as if all were tied to it
def untied_taps(A, B, M):
    K = len(A)
    taps = [np.linalg.matrix_power(A[-1], k) @ B[K - 1 - k] for k in range(K)]
    return np.array([*taps, np.linalg.matrix_power(A[-1], K) @ M])


def layers_with_taps(G):
    K, d = len(G) - 1, G.shape[1]
    return np.tile(np.eye(d), (K, 1, 1)), G[:-1][::-1].copy(), G[-1].copy()
