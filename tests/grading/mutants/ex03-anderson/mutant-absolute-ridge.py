# mistake: an absolute ridge on the normal equations
# hint: 3
def anderson(f, z0, memory, steps):
    path, states, residuals = [z0], [], []
    for _ in range(steps):
        z = path[-1]
        r = f(z) - z
        states = [*states, z][-memory - 1 :]
        residuals = [*residuals, r][-memory - 1 :]
        z_new = z + r
        if len(states) > 1:
            dZ, dR = np.diff(states, axis=0).T, np.diff(residuals, axis=0).T
            z_new = z_new - (dZ + dR) @ np.linalg.solve(
                dR.T @ dR + 1e-10 * np.eye(dR.shape[1]), dR.T @ r
            )
        path.append(z_new)
    return np.array(path)
