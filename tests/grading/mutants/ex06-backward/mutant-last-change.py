# mistake: the last change relative to w is taken for the residual
import numpy as np


def adjoint(pull, v, rtol, budget):
    w, term, residual = np.zeros_like(v), v, 1.0
    for _ in range(budget):
        w = w + term
        residual = np.linalg.norm(term) / np.linalg.norm(w)
        if residual <= rtol:
            break
        term = pull(term)
    return w, residual, bool(residual <= rtol)
