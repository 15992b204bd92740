# mistake: the slow sample is outvoted in both derivatives
# hint: 2
def climbs(L):
    return L, 0.0, 1.0, -2 / (1 - L)


def turns(L):
    s = np.sqrt(1 - L**2)
    Jt = L * np.array([[L, -s], [s, L]])
    w = np.array([1.0, 0.0])
    return Jt.T, w - Jt @ w
