# mistake: k products, so k + 1 terms
# hint: 2
def neumann_gradients(W, U, b, x, z, v, k):
    slope = 1 - z**2
    w, term = v, v
    for _ in range(k):
        term = (term * slope) @ W
        w = w + term
    e = w * slope
    return e.T @ z, e.T @ x, e.sum(axis=0)
