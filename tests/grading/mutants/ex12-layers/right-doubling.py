def layers_needed(A, tol):
    N = 16
    while True:
        norms = [np.linalg.svd(np.linalg.matrix_power(A, k))[1][0] for k in range(N)]
        K = max(k for k in range(N) if norms[k] > tol) + 1
        if 2 * K <= N:
            return K
        N *= 2
