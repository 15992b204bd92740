# mistake: the exact gradient, whatever k is
def neumann_gradients(W, U, b, x, z, v, k):
    slope = 1 - z**2
    w, term = v, v
    for _ in range(500):
        term = (term * slope) @ W
        w = w + term
    e = w * slope
    return e.T @ z, e.T @ x, e.sum(axis=0)
