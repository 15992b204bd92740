# mistake: the unit that holds itself up is an eigenvalue of W, larger than rho
# hint: 1
def two_outputs(rho):
    W = np.array([[2.0, 0.0], [0.0, rho]])
    return W, np.array([-1.0, -1.5]), np.array([0.0, 0.0]), np.array([1.0, 0.0])
