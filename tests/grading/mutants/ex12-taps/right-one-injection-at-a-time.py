def untied_taps(A, B, M):
    K = len(A)
    taps = []
    for k in [*range(K - 1, -1, -1), None]:
        z = M if k is None else np.zeros_like(M)
        for layer in range(K):
            z = A[layer] @ z + (B[layer] if layer == k else 0.0)
        taps.append(z)
    return np.stack(taps)


def layers_with_taps(G):
    # each layer turns by an orthogonal matrix, and the injections are turned back
    K, d = len(G) - 1, G.shape[1]
    Q = np.linalg.qr(np.arange(d * d).reshape(d, d) ** 2.0 + np.eye(d))[0]
    power = np.linalg.matrix_power
    B = np.array([power(Q.T, K - 1 - k) @ G[K - 1 - k] for k in range(K)])
    return np.array([Q] * K), B, power(Q.T, K) @ G[K]
