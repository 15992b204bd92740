# mistake: relaxed iteration: the right limit in two of the cases, and too slow
# hint: 1
def implicit_gradient(vjp_state, vjp_parameters, v):
    w = v
    for _ in range(60):
        w = 0.7 * w + 0.3 * (v + vjp_state(w))
    return vjp_parameters(w)
