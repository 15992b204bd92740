def neumann_gradients(W, U, b, x, z, v, k):
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    for xi, zi, vi in zip(x, z, v):
        D = np.diag(1 - zi**2)
        w = vi.copy()
        for _ in range(k - 1):
            w = vi + W.T @ (D @ w)
        e = D @ w
        dW += np.outer(e, zi)
        dU += np.outer(e, xi)
        db += e
    return dW, dU, db
