# mistake: the product of the coordinates: a saddle
def field(h):
    """F(h) (n, 3) for h (n, 3)."""
    return np.stack([0 * h[:, 0], 0 * h[:, 1], 4 * h[:, 0] * h[:, 1]], axis=1)


def block(z):
    """R(z) (n, 3) for z (n, 3)."""
    return 0.05 * field(z)


def flow_plane():
    """(a, c) for the flow at time 1."""
    return [0.0, 0.0, 1.0], -0.6


def block_plane():
    """(a, c) for the equilibrium."""
    return [0.0, 0.0, 1.0], -0.12
