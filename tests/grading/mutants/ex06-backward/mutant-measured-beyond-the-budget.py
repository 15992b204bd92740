# mistake: the residual is measured by a product that the budget does not have
import numpy as np


def adjoint(pull, v, rtol, budget):
    size = np.linalg.norm(v)
    w, term = np.zeros_like(v), v
    best, residual = w, 1.0
    for _ in range(budget):
        if residual <= rtol:
            break
        w, term = w + term, pull(term)
        rest = np.linalg.norm(v - w + pull(w)) / size
        if rest < residual:
            best, residual = w, rest
    return best, residual, bool(residual <= rtol)
