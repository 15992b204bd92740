import numpy as np


def adjoint(pull, v, rtol, budget):
    """All powers first, as long as they are needed; then the best of the sums."""
    powers = [v]
    size = np.sqrt(v @ v)
    while len(powers) <= budget and np.sqrt(powers[-1] @ powers[-1]) > rtol * size:
        powers.append(pull(powers[-1]))
    sizes = [np.sqrt(power @ power) / size for power in powers]
    k = int(np.argmin(sizes))
    w = np.sum(powers[:k], axis=0) if k else 0 * v
    return w, sizes[k], sizes[k] <= rtol
