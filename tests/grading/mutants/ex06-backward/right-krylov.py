import numpy as np


def adjoint(pull, v, rtol, budget):
    """Least squares over the Krylov space, rebuilt at each step; a product measures the last."""
    size = np.linalg.norm(v)
    basis, images = [], []
    w, residual, direction = np.zeros_like(v), 1.0, v / size
    for _ in range(budget):
        if residual <= rtol:
            break
        image = pull(direction)
        basis.append(direction)
        images.append(direction - image)
        A = np.array(images).T
        c = np.linalg.lstsq(A, v, rcond=None)[0]
        rest = np.linalg.norm(v - A @ c) / size
        if rest < residual:
            w, residual = np.array(basis).T @ c, rest
        new = image
        for _ in range(2):
            for old in basis:
                new = new - (old @ new) * old
        if np.linalg.norm(new) < 1e-12 * np.linalg.norm(image):
            break
        direction = new / np.linalg.norm(new)
    return w, residual, residual <= rtol
