def two_outputs(rho):
    """Eigenvalues 0 and rho; both fixed points have the first unit on."""
    a = 1.0
    W = np.array([[a, 1.0], [-a * (a - rho), rho - a]])
    b = np.array([0.0, -1.0])
    return W, b, np.array([5.0, 0.0]), np.array([7.0, 0.0])
