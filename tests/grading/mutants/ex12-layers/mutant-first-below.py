# mistake: stops at the first power below the tolerance
# hint: 2
def layers_needed(A, tol):
    power, K = A, 1
    while np.linalg.norm(power, 2) > tol:
        power, K = power @ A, K + 1
    return K
