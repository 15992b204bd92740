def solve_batch(f, z0, tau, rtol, max_evaluations):
    """Runs everything, keeps everything, and reads off when each row was done."""
    states, tests = [np.array(z0, dtype=float)], []
    first = None
    for _ in range(max_evaluations):
        z = states[-1]
        fz = f(z)
        r = np.linalg.norm(fz - z, axis=1)
        first = r if first is None else first
        tests.append(r <= rtol * np.maximum(np.linalg.norm(fz, axis=1), first))
        states.append(z + tau * (fz - z))
    tests = np.array(tests)
    converged = tests.any(axis=0)
    last = np.where(converged, tests.argmax(axis=0), max_evaluations - 1)
    z = np.stack([states[k][i] for i, k in enumerate(last)])
    return z, last + 1, converged
