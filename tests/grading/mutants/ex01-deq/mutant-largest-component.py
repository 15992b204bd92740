# mistake: the largest component instead of the Euclidean norm
# hint: 3
def deq(W, U, b, X, tol):
    Z, depth = np.zeros((len(X), len(b))), np.zeros(len(X), dtype=int)
    while True:
        f = np.tanh(Z @ W.T + X @ U.T + b)
        running = np.abs(f - Z).max(axis=1) > tol
        if not running.any():
            return Z, depth
        Z[running] = f[running]
        depth[running] += 1
