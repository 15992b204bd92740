# mistake: the values of R for the equilibrium taken at the inputs, those of the block at the outputs
def who_can(x, y, L):
    """Which machines take every x[i] to y[i]; a dictionary of three truth values."""
    i, j = np.triu_indices(len(x), 1)
    dx, dy = x[i] - x[j], y[i] - y[j]
    return {
        "flow": bool(np.all(dx * dy > 0)),
        "equilibrium": bool(np.all(np.abs(dy - dx) <= L * np.abs(dx))),
        "block": bool(np.all(np.abs(dy - dx) <= L * np.abs(dy))),
    }


def slope(F, x, y):
    """dy/dx for the flow of h' = F(h) that takes x to y."""
    return F(y) / F(x)
