# mistake: off by one: the value after the one that passed the test
# hint: 1
def deq(W, U, b, X, tol):
    Z, depth = np.zeros((len(X), len(b))), np.zeros(len(X), dtype=int)
    while True:
        f = np.tanh(Z @ W.T + X @ U.T + b)
        running = np.linalg.norm(f - Z, axis=1) > tol
        if not running.any():
            return f, depth
        Z[running] = f[running]
        depth[running] += 1
