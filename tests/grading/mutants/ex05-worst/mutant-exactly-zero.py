# mistake: one of the two derivatives is zero: neither up nor down
def climbs(L):
    return L, 0.0, 1.0, -1.0


def turns(L):
    s = np.sqrt(1 - L**2)
    Jt = L * np.array([[L, -s], [s, L]])
    w = np.array([1.0, 0.0])
    return Jt.T, w - Jt @ w
