def facts(W):
    def shrinks(A):
        """Whether A^k tends to zero, by squaring; scaled so that nothing overflows."""
        log_size = 0.0
        for k in range(14):
            size = np.linalg.norm(A)
            if size == 0:
                return True
            log_size = 2 * (log_size + np.log(size)) if k else 2 * np.log(size)
            A = (A / size) @ (A / size)
        return log_size + np.log(np.linalg.norm(A) + 1e-300) < 0

    eigenvalues = np.linalg.eigvals(W)
    return dict(
        linear_unique=all(abs(value - 1) > 1e-9 for value in eigenvalues),
        picard_converges=shrinks(W),
        tanh_exists=True,
        unique_by_norm=any(np.linalg.norm(W, order) < 1 for order in (1, 2, np.inf)),
        unique_by_size=shrinks(np.abs(W)),
        unique_by_sign=all(np.linalg.eigvalsh((W + W.T) / 2) < 1),
    )
