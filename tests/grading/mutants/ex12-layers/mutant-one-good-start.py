# mistake: the error of one start, not of the worst
def layers_needed(A, tol):
    start = np.ones(len(A))
    norms, error = [], start
    while True:
        norms.append(np.linalg.norm(error) / np.linalg.norm(start))
        error = A @ error
        K = 1 + np.flatnonzero(np.array(norms) > tol)[-1]
        if len(norms) >= max(2 * K, 40):
            return int(K)
