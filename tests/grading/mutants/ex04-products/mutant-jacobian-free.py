# mistake: the solve left out: w = v
def implicit_gradient(vjp_state, vjp_parameters, v):
    return vjp_parameters(v)
