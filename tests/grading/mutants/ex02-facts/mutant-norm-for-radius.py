# mistake: a norm used for the spectral radius
# hint: 1
def facts(W):
    eigenvalues = np.linalg.eigvals(W)
    norms = [np.linalg.norm(W, order) for order in (1, 2, np.inf)]
    return {
        "linear_unique": np.abs(eigenvalues - 1).min() > 1e-9,
        "picard_converges": norms[1] < 1,
        "tanh_exists": True,
        "unique_by_norm": min(norms) < 1,
        "unique_by_size": np.abs(np.linalg.eigvals(np.abs(W))).max() < 1,
        "unique_by_sign": np.linalg.eigvalsh(W + W.T).max() < 2,
    }
