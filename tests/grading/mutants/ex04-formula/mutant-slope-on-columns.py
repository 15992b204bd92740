# mistake: J = W D: the slope of unit i multiplies column i
# hint: 2
def one_unit(w, u, x, z):
    slope = 1 - z**2
    return tuple(slope * factor / (1 - slope * w) for factor in (z, x, 1, u))


def adjoint(W, z, v):
    J = W * (1 - z**2)
    return np.linalg.solve((np.eye(len(W)) - J).T, v)


def gradients(W, U, x, z, v):
    Dw = (1 - z**2) * adjoint(W, z, v)
    return {"W": np.outer(Dw, z), "U": np.outer(Dw, x), "b": Dw, "x": U.T @ Dw}
