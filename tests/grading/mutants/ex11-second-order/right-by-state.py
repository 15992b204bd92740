def first_taps(a1, a2, b0, b1):
    w, previous, taps = 1, 0, []
    for _ in range(4):
        taps.append(b0 * w + b1 * previous)
        w, previous = a1 * w + a2 * previous, w
    return tuple(taps)


def dc_gain(a1, a2, b0, b1):
    return b0 / (1 - a1 - a2) + b1 / (1 - a1 - a2)


def is_stable(a1, a2):
    companion = np.array([[a1, a2], [1.0, 0.0]])
    return max(abs(np.linalg.eigvals(companion))) < 1
