def solve_batch(f, z0, tau, rtol, max_evaluations):
    """Each row on its own, in a batch whose other rows stand still."""
    z, n = np.array(z0, dtype=float), len(z0)
    evaluations, converged = np.zeros(n, dtype=int), np.zeros(n, dtype=bool)
    for i in range(n):
        start = None
        while evaluations[i] < max_evaluations:
            fz = f(z)[i]
            evaluations[i] += 1
            r = np.sqrt(np.sum((fz - z[i]) ** 2))
            start = r if start is None else start
            if r <= rtol * max(np.sqrt(np.sum(fz**2)), start):
                converged[i] = True
                break
            if evaluations[i] < max_evaluations:
                z[i] = z[i] + tau * (fz - z[i])
    return z, evaluations, converged
