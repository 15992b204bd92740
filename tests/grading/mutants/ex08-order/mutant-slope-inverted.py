# mistake: the slope of the inverse map
def who_can(x, y, L):
    """Which machines take every x[i] to y[i]; a dictionary of three truth values."""
    i, j = np.triu_indices(len(x), 1)
    dx, dy = x[i] - x[j], y[i] - y[j]
    return {
        "flow": bool(np.all(dx * dy > 0)),
        "equilibrium": bool(np.all(np.abs(dy - dx) <= L * np.abs(dy))),
        "block": bool(np.all(np.abs(dy - dx) <= L * np.abs(dx))),
    }


def slope(F, x, y):
    """dy/dx for the flow of h' = F(h) that takes x to y."""
    return F(x) / F(y)
