def best_weights(R):
    """Weights of sum one with the shortest mixed residual, through an orthonormal null basis."""
    n = R.shape[1]
    size = np.abs(R).max()
    if n == 1 or size == 0:
        return np.eye(n)[-1]
    basis = np.linalg.qr(np.column_stack([np.ones(n), np.eye(n)[:, :-1]]))[0][:, 1:]
    R = R / size
    y = np.linalg.lstsq(R @ basis, -R[:, -1], rcond=None)[0]
    return np.eye(n)[-1] + basis @ y


def anderson(f, z0, memory, steps):
    states, residuals = [np.asarray(z0, dtype=float)], []
    for k in range(steps):
        residuals.append(f(states[k]) - states[k])
        Z = np.stack(states[-memory - 1 :], axis=1)
        R = np.stack(residuals[-memory - 1 :], axis=1)
        states.append((Z + R) @ best_weights(R))
    return np.stack(states)
