def climbs(L):
    v2 = -np.sqrt((1 + L) / (1 - L))
    return [L, -L, 1.0, v2]


def turns(L):
    s = np.sqrt(1 - L**2)
    J = L * np.array([[L, -s], [s, L]])
    w = np.array([0.3, -2.0])
    return J, (w - J.T @ w).tolist()
