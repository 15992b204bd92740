# mistake: rho is the square of the eigenvalues
# hint: 3
def two_outputs(rho):
    W = np.array([[2.0, rho - 4.0], [1.0, -2.0]])
    return W, np.array([-1.0, -1.5]), np.array([0.0, 0.0]), np.array([1.0, 0.0])
