# mistake: the residual of I + J made small
# hint: 3
def implicit_gradient(vjp_state, vjp_parameters, v):
    basis, columns = [v / np.linalg.norm(v)], []
    for _ in range(60):
        product = vjp_state(basis[-1])
        columns.append(basis[-1] + product)
        y = np.linalg.lstsq(np.array(columns).T, v)[0]
        if np.linalg.norm(v - y @ columns) <= 1e-11 * np.linalg.norm(v):
            break
        for q in basis + basis:
            product = product - (q @ product) * q
        basis.append(product / np.linalg.norm(product))
    return vjp_parameters(y @ basis[: len(y)])
