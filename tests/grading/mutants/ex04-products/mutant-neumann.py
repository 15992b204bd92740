# mistake: sixty terms of the series, which converges slowly or not at all
# hint: 1
def implicit_gradient(vjp_state, vjp_parameters, v):
    w = v
    for _ in range(60):
        w = v + vjp_state(w)
    return vjp_parameters(w)
