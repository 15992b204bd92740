# mistake: starts from the first iterate without counting it
# hint: 1
def deq(W, U, b, X, tol):
    Z, depth = np.tanh(X @ U.T + b), np.zeros(len(X), dtype=int)
    while True:
        f = np.tanh(Z @ W.T + X @ U.T + b)
        running = np.linalg.norm(f - Z, axis=1) > tol
        if not running.any():
            return Z, depth
        Z[running] = f[running]
        depth[running] += 1
