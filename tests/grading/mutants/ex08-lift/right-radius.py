def field(h):
    height = np.sqrt(h[:, 0] ** 2 + h[:, 1] ** 2 + 1e-6)
    out = np.zeros_like(h)
    out[:, 2] = -5 * height
    return out


def block(z):
    out = np.zeros_like(z)
    out[:, 2] = -0.9 * np.hypot(z[:, 0], z[:, 1])
    return out


def flow_plane():
    return [0, 0, -1], -3.75


def block_plane():
    return [0, 0, -1], -0.9 * 0.75
