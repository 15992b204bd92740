# mistake: the Frobenius norm
def layers_needed(A, tol):
    norms, power = [], np.eye(len(A))
    while True:
        norms.append(np.linalg.norm(power))
        power = power @ A
        K = 1 + np.flatnonzero(np.array(norms) > tol)[-1]
        if len(norms) >= 2 * K:
            return int(K)
