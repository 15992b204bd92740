# mistake: CG on a matrix that is not symmetric
def implicit_gradient(vjp_state, vjp_parameters, v):
    w, r, p = np.zeros_like(v), v, v
    for _ in range(60):
        q = p - vjp_state(p)
        step = (r @ r) / (p @ q)
        w, smaller = w + step * p, r - step * q
        if np.linalg.norm(smaller) <= 1e-11 * np.linalg.norm(v):
            break
        r, p = smaller, smaller + (smaller @ smaller) / (r @ r) * p
    return vjp_parameters(w)
