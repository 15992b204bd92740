def from_added(z, R):
    return np.subtract(z, R(z))


def from_layer(z, W, U, b):
    inner = np.arctanh(z) - np.einsum("ij,nj->ni", W, z) - b
    return inner @ np.linalg.inv(U).T


def from_block(y, R):
    x, new = y, y - R(y)
    while np.abs(new - x).max() > 1e-13:
        x, new = new, y - R(new)
    return new
