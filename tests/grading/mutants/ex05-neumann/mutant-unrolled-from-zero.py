# mistake: the last k steps are unrolled from zero, not from the solution
def neumann_gradients(W, U, b, x, z, v, k):
    states = [np.zeros_like(z)]
    for _ in range(k):
        states.append(np.tanh(states[-1] @ W.T + x @ U.T + b))
    dW, dU, db, pulled = 0, 0, 0, v
    for before, after in zip(states[-2::-1], states[:0:-1]):
        e = pulled * (1 - after**2)
        dW, dU, db = dW + e.T @ before, dU + e.T @ x, db + e.sum(axis=0)
        pulled = e @ W
    return dW, dU, db
