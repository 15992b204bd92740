def field(h):
    """Spins while it lifts: the radius is what counts."""
    return np.stack([-h[:, 1], h[:, 0], 3 * (h[:, 0] ** 2 + h[:, 1] ** 2) - 1], axis=1)


def block(z):
    bowl = 0.15 * (z[:, :1] ** 2 + z[:, 1:2] ** 2)
    return np.concatenate([0 * z[:, :2], bowl], axis=1)


def flow_plane():
    return np.array([0.0, 0.0, 2.0]), -2 * (3 * 0.6 - 1)


def block_plane():
    return (0, 0, 10), -0.9
