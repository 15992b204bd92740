# mistake: the sign of b: the unit that holds itself up is pushed up as well
# hint: 2
def two_outputs(rho):
    W = np.array([[2.0, rho**2 - 4.0], [1.0, -2.0]])
    return W, np.array([1.0, -1.5]), np.array([0.0, 0.0]), np.array([1.0, 0.0])
