# mistake: b forgotten
# hint: 3
def deq(W, U, b, X, tol):
    Z, depth = np.zeros((len(X), len(b))), np.zeros(len(X), dtype=int)
    while True:
        f = np.tanh(Z @ W.T + X @ U.T)
        running = np.linalg.norm(f - Z, axis=1) > tol
        if not running.any():
            return Z, depth
        Z[running] = f[running]
        depth[running] += 1
