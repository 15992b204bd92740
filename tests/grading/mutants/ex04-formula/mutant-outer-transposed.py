# mistake: the outer product for W the wrong way round
# hint: 3
def one_unit(w, u, x, z):
    slope = 1 - z**2
    return tuple(slope * factor / (1 - slope * w) for factor in (z, x, 1, u))


def adjoint(W, z, v):
    J = (1 - z**2)[:, None] * W
    return np.linalg.solve((np.eye(len(W)) - J).T, v)


def gradients(W, U, x, z, v):
    Dw = (1 - z**2) * adjoint(W, z, v)
    return {"W": np.outer(z, Dw), "U": np.outer(Dw, x), "b": Dw, "x": U.T @ Dw}
