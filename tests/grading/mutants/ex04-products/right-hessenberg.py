def implicit_gradient(vjp_state, vjp_parameters, v):
    """Arnoldi with a fixed number of steps, then one small least-squares problem."""
    steps = 50
    Q = np.zeros((steps + 1, len(v)))
    H = np.zeros((steps + 1, steps))
    Q[0] = v / np.linalg.norm(v)
    for k in range(steps):
        u = Q[k] - vjp_state(Q[k])
        for _ in range(2):
            h = Q[: k + 1] @ u
            H[: k + 1, k] += h
            u = u - h @ Q[: k + 1]
        H[k + 1, k] = np.linalg.norm(u)
        Q[k + 1] = u / H[k + 1, k]
    y = np.linalg.lstsq(H, np.linalg.norm(v) * np.eye(steps + 1)[0], rcond=None)[0]
    return vjp_parameters(y @ Q[:steps])
