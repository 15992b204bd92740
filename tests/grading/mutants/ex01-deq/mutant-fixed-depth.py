# mistake: a fixed depth instead of a tolerance
def deq(W, U, b, X, tol):
    Z = np.zeros((len(X), len(b)))
    for _ in range(50):
        Z = np.tanh(Z @ W.T + X @ U.T + b)
    return Z, np.full(len(X), 50)
