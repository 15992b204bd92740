# mistake: the mean over the batch, not the sum
# hint: 3
def neumann_gradients(W, U, b, x, z, v, k):
    slope = 1 - z**2
    w, term = v, v
    for _ in range(k - 1):
        term = (term * slope) @ W
        w = w + term
    e = w * slope / len(v)
    return e.T @ z, e.T @ x, e.sum(axis=0)
