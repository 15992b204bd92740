# mistake: the residual reported is that of the sum before
import numpy as np


def adjoint(pull, v, rtol, budget):
    size = np.linalg.norm(v)
    w, term = np.zeros_like(v), v
    best, residual = w, 1.0
    for _ in range(budget):
        rest = np.linalg.norm(term) / size
        w = w + term
        if rest <= residual:
            best, residual = w, rest
        if residual <= rtol:
            break
        term = pull(term)
    return best, residual, bool(residual <= rtol)
