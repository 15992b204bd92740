def deq(W, U, b, X, tol):
    """Keep the orbit of the whole batch, then look up each row at its own depth."""
    orbit, residuals = [np.zeros((len(X), len(b)))], []
    while not residuals or residuals[-1].max() > tol:
        orbit.append(np.tanh(orbit[-1] @ W.T + X @ U.T + b))
        residuals.append(np.sqrt(((orbit[-1] - orbit[-2]) ** 2).sum(axis=1)))
    depths = np.argmax(np.array(residuals) <= tol, axis=0)
    return np.array(orbit)[depths, np.arange(len(X))], depths
