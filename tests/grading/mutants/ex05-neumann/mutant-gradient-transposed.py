# mistake: the gradient in W is transposed
# hint: 3
def neumann_gradients(W, U, b, x, z, v, k):
    slope = 1 - z**2
    w, term = v, v
    for _ in range(k - 1):
        term = (term * slope) @ W
        w = w + term
    e = w * slope
    return z.T @ e, e.T @ x, e.sum(axis=0)
