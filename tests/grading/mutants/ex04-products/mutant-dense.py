# mistake: the matrix built column by column: more products than allowed
def implicit_gradient(vjp_state, vjp_parameters, v):
    rows = np.array([vjp_state(e) for e in np.eye(len(v))])
    return vjp_parameters(np.linalg.solve(np.eye(len(v)) - rows.T, v))
