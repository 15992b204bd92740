def two_outputs(rho):
    """Where both units are on, the layer is linear, and I - W is invertible."""
    W = np.array([[2.0, rho**2 - 4.0], [1.0, -2.0]])
    b = np.array([-0.1, -0.15])
    return W, b, np.zeros(2), np.linalg.solve(np.eye(2) - W, b)
