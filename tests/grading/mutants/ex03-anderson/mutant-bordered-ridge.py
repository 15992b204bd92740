# mistake: the bordered Gram matrix with an absolute ridge
# hint: 3
def anderson(f, z0, memory, steps):
    path, states, residuals = [z0], [], []
    for _ in range(steps):
        z = path[-1]
        r = f(z) - z
        states = [*states, z][-memory - 1 :]
        residuals = [*residuals, r][-memory - 1 :]
        R = np.stack(residuals, axis=1)
        n = R.shape[1]
        weights = np.linalg.solve(R.T @ R + 1e-8 * np.eye(n), np.ones(n))
        path.append((np.stack(states, axis=1) + R) @ (weights / weights.sum()))
    return np.array(path)
