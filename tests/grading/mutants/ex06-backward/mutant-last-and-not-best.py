# mistake: the last partial sum, however bad
import numpy as np


def adjoint(pull, v, rtol, budget):
    size = np.linalg.norm(v)
    w, term, residual = np.zeros_like(v), v, 1.0
    for _ in range(budget):
        if residual <= rtol:
            break
        w, term = w + term, pull(term)
        residual = np.linalg.norm(term) / size
    return w, residual, bool(residual <= rtol)
