# mistake: the last power above the tolerance, not the one after it
# hint: 3
def layers_needed(A, tol):
    norms, power = [], np.eye(len(A))
    while True:
        norms.append(np.linalg.norm(power, 2))
        power = power @ A
        K = 1 + np.flatnonzero(np.array(norms) > tol)[-1]
        if len(norms) >= 2 * K:
            return int(K) - 1
