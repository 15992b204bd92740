# mistake: the last factor, the slope in df/dtheta, is missing
# hint: 3
def neumann_gradients(W, U, b, x, z, v, k):
    slope = 1 - z**2
    w, term = v, v
    for _ in range(k - 1):
        term = (term * slope) @ W
        w = w + term
    return w.T @ z, w.T @ x, w.sum(axis=0)
