# mistake: a slope larger than L
def climbs(L):
    slope = (1 + L) / 2
    return slope, 0.0, 1.0, -(1 + 1 / (1 - slope)) / 2


def turns(L):
    s = np.sqrt(1 - L**2)
    Jt = L * np.array([[L, -s], [s, L]])
    w = np.array([1.0, 0.0])
    return Jt.T, w - Jt @ w
