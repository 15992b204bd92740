# mistake: the upper bound kappa(V) rho^K in place of the norm
def layers_needed(A, tol):
    values, V = np.linalg.eig(A)
    bound, K = min(np.linalg.cond(V), 1e12), 0
    while bound > tol or K < 1:
        bound, K = bound * np.abs(values).max(), K + 1
        if K > 5000:
            break
    return K
