# mistake: rho made the norm, so that there is only one fixed point
def two_outputs(rho):
    W = np.array([[2.0, -4.0], [1.0, -2.0]])
    W = W * rho / np.linalg.norm(W, 2)
    return W, np.zeros(2), np.zeros(2), np.zeros(2)
