def anderson(f, z0, memory, steps):
    z = np.array(z0, dtype=float)
    out, Z, R = [z], [], []
    for _ in range(steps):
        r = f(z) - z
        Z, R = [z, *Z][: memory + 1], [r, *R][: memory + 1]
        A = np.array([r - old for old in R[1:]]).T.reshape(len(z), -1)
        S = np.array([z - old for old in Z[1:]]).T.reshape(len(z), -1)
        gamma = np.linalg.pinv(A) @ r
        z = z - S @ gamma + (r - A @ gamma)
        out.append(z)
    return np.stack(out)
