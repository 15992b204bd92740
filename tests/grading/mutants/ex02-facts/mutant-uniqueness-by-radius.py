# mistake: convergence taken for uniqueness
# hint: 2
def facts(W):
    eigenvalues = np.linalg.eigvals(W)
    norms = [np.linalg.norm(W, order) for order in (1, 2, np.inf)]
    return {
        "linear_unique": np.abs(eigenvalues).max() < 1,
        "picard_converges": np.abs(eigenvalues).max() < 1,
        "tanh_exists": True,
        "unique_by_norm": min(norms) < 1,
        "unique_by_size": np.abs(np.linalg.eigvals(np.abs(W))).max() < 1,
        "unique_by_sign": np.linalg.eigvalsh(W + W.T).max() < 2,
    }
