def implicit_gradient(vjp_state, vjp_parameters, v):
    from scipy.sparse.linalg import LinearOperator, gmres

    operator = LinearOperator((len(v), len(v)), lambda u: u - vjp_state(u), dtype=float)
    w, _ = gmres(operator, v, rtol=1e-11, atol=0.0, restart=58, maxiter=1)
    return vjp_parameters(w)
