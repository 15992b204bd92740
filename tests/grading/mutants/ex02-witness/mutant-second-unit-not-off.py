# mistake: the second unit switches on at the second point
# hint: 3
def two_outputs(rho):
    W = np.array([[2.0, rho**2 - 4.0], [1.0, -2.0]])
    return W, np.array([-1.0, -0.5]), np.array([0.0, 0.0]), np.array([1.0, 0.0])
