def climbs(L):
    geometric = np.sqrt(1 / (1 - L))
    return 0.0, L, geometric, -1.0


def turns(L):
    w = np.array([1.0, 0.0])
    u = np.array([L, np.sqrt(1 - L**2)])  # the unit vector along J^T w
    Jt = L * np.outer(u, w)
    return Jt.T, w - Jt @ w
