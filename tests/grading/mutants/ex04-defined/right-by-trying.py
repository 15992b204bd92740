def facts(J):
    """Relaxation tried with a small tau, the iteration by its powers."""
    d, values = len(J), np.linalg.eigvals(J)
    defined = min(abs(values - 1)) > 1e-9
    gaps = 1 - values
    tau = 1e-3 / (1 + max(abs(gaps)) ** 2)
    power = J
    for _ in range(12):
        power = power @ power
        if np.abs(power).max() > 1e12:
            break
    smallest = 1 / np.linalg.norm(np.linalg.pinv(np.eye(d) - J), 2)
    return {
        "defined": defined,
        "picard": np.abs(power).max() < 1e-3,
        "relaxation": defined and max(abs(1 - tau * gaps)) < 1,
        "norm": np.linalg.svd(J, compute_uv=False)[0] < 1,
        "cg": np.abs(J - J.T).max() < 1e-9 and max(values.real) < 1 - 1e-9,
        "amplification": 1 / smallest if defined else None,
    }
