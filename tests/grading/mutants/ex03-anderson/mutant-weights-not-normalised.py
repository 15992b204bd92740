# mistake: the weights of the mixture do not sum to one
def anderson(f, z0, memory, steps):
    path, states, residuals = [z0], [], []
    for _ in range(steps):
        z = path[-1]
        r = f(z) - z
        states = [*states, z][-memory - 1 :]
        residuals = [*residuals, r][-memory - 1 :]
        z_new = z + r
        if len(states) > 1:
            R = np.stack(residuals[:-1], axis=1)
            weights = np.linalg.lstsq(R, r, rcond=None)[0]
            z_new = z_new - (np.stack(states[:-1], axis=1) + R) @ weights
        path.append(z_new)
    return np.array(path)
