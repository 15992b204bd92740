# mistake: the rotation is not scaled to L
# hint: 3
def climbs(L):
    return L, 0.0, 1.0, -(1 + 1 / (1 - L)) / 2


def turns(L):
    s = np.sqrt(1 - L**2)
    Jt = np.array([[L, -s], [s, L]])
    w = np.array([1.0, 0.0])
    return Jt.T, w - Jt @ w
