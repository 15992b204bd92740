# mistake: every row runs until the slowest is done
# hint: 2
def solve_batch(f, z0, tau, rtol, max_evaluations):
    z, n = z0.copy(), len(z0)
    evaluations, converged = np.zeros(n, dtype=int), np.zeros(n, dtype=bool)
    first = None
    for k in range(max_evaluations):
        fz = f(z)
        residual = np.linalg.norm(fz - z, axis=1)
        first = residual if first is None else first
        evaluations += 1
        size = np.maximum(np.linalg.norm(fz, axis=1), first)
        converged = residual <= rtol * size
        if converged.all() or k == max_evaluations - 1:
            break
        z = (1 - tau) * z + tau * fz
    return z, evaluations, converged
