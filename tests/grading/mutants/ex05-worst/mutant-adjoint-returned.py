# mistake: the exact adjoint is returned for v
def climbs(L):
    return L, 0.0, 1.0, -(1 + 1 / (1 - L)) / 2


def turns(L):
    s = np.sqrt(1 - L**2)
    Jt = L * np.array([[L, -s], [s, L]]) @ np.diag([1.0, 0.5])
    return Jt.T, np.array([1.0, 0.0])
