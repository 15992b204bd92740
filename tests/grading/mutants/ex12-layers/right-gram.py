def layers_needed(A, tol):
    # a run of good powers longer than the last bad one excludes all later bad ones
    power, run = np.eye(len(A)), 0
    worst = 0
    k = 0
    while run < worst + 2:
        size = np.sqrt(np.linalg.eigvalsh(power @ power.T)[-1])
        if size > tol:
            worst, run = k, 0
        else:
            run += 1
        power, k = power @ A, k + 1
    return worst + 1
