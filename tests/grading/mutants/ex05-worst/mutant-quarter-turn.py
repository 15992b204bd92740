# mistake: a quarter turn, taken to be the worst
# hint: 2
def climbs(L):
    return L, 0.0, 1.0, -(1 + 1 / (1 - L)) / 2


def turns(L):
    J = L * np.array([[0.0, -1.0], [1.0, 0.0]])
    return J, np.array([1.0, 0.0])
