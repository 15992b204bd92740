# mistake: it says that it converged whenever it returns
import numpy as np


def adjoint(pull, v, rtol, budget):
    size = np.linalg.norm(v)
    w, term = np.zeros_like(v), v
    best, residual = w, 1.0
    for _ in range(budget):
        if residual <= rtol:
            break
        w, term = w + term, pull(term)
        rest = np.linalg.norm(term) / size
        if rest < residual:
            best, residual = w, rest
    return best, residual, True
