# mistake: products with J in place of its transpose
# hint: 1
def neumann_gradients(W, U, b, x, z, v, k):
    slope = 1 - z**2
    w, term = v, v
    for _ in range(k - 1):
        term = slope * (term @ W.T)
        w = w + term
    e = w * slope
    return e.T @ z, e.T @ x, e.sum(axis=0)
