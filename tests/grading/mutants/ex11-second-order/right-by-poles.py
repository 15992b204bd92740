def first_taps(a1, a2, b0, b1):
    inputs, y = [1, 0, 0, 0], []
    for k in range(4):
        old = [y[k - j] if k >= j else 0 for j in (1, 2)]
        before = inputs[k - 1] if k else 0
        y.append(a1 * old[0] + a2 * old[1] + b0 * inputs[k] + b1 * before)
    return y


def dc_gain(a1, a2, b0, b1):
    return -(b0 + b1) / (a1 + a2 - 1)


def is_stable(a1, a2):
    return np.abs(np.roots([1.0, -a1, -a2])).max() < 1
