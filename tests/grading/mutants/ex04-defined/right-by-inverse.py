def facts(J):
    d = len(J)
    values = np.linalg.eigvals(np.eye(d) - J)
    defined = bool(np.all(np.abs(values) > 1e-9))
    try:
        np.linalg.cholesky(np.eye(d) * (1 - 1e-9) - (J + J.T) / 2)
        positive = True
    except np.linalg.LinAlgError:
        positive = False
    return {
        "defined": defined,
        "picard": bool(np.all(np.abs(1 - values) < 1)),
        "relaxation": bool(np.all(values.real > 1e-9)),
        "norm": bool(np.linalg.eigvalsh(J.T @ J).max() < 1),
        "cg": positive and np.allclose(J, J.T, atol=1e-9, rtol=0),
        "amplification": np.linalg.norm(np.linalg.inv(np.eye(d) - J), 2) if defined else None,
    }
