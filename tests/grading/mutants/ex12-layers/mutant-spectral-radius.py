# mistake: the spectral radius in place of the norm of the power
# hint: 1
def layers_needed(A, tol):
    rho, K = np.abs(np.linalg.eigvals(A)).max(), 1
    while rho**K > tol:
        K += 1
    return K
