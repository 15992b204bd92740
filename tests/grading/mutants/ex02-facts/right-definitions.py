def facts(W):
    W = np.asarray(W)
    identity = np.eye(len(W))
    try:
        np.linalg.cholesky(2 * identity - W - W.T)
        sign = True
    except np.linalg.LinAlgError:
        sign = False

    def radius(A):
        return max(abs(value) for value in np.linalg.eig(A)[0])

    return {
        "unique_by_sign": sign,
        "unique_by_size": radius(abs(W)) < 1,
        "unique_by_norm": any(
            norm < 1
            for norm in (
                abs(W).sum(axis=0).max(),
                abs(W).sum(axis=1).max(),
                np.linalg.svd(W, compute_uv=False)[0],
            )
        ),
        "tanh_exists": 1,
        "picard_converges": bool(radius(W) < 1),
        "linear_unique": np.linalg.matrix_rank(identity - W, tol=1e-9) == len(W),
    }
