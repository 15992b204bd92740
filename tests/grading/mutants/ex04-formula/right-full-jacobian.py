def one_unit(w, u, x, z):
    gain = 1 / (1 / (1 - z**2) - w)
    return [z * gain, x * gain, gain, u * gain]


def adjoint(W, z, v):
    return np.linalg.inv(np.eye(len(W)) - np.diag(1 - z**2) @ W).T @ v


def gradients(W, U, x, z, v):
    """The whole derivative of z* by the offset first; all others are products with it."""
    D = np.diag(1 - z**2)
    by_b = np.linalg.inv(np.eye(len(W)) - D @ W) @ D
    g = v @ by_b
    return {"W": g[:, None] * z, "U": g[:, None] * x, "b": g, "x": g @ U}
