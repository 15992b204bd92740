# mistake: the impulse response begins one sample later
def first_taps(a1, a2, b0, b1):
    h1 = a1 * b0 + b1
    return 0 * b0, b0, h1, a1 * h1 + a2 * b0


def dc_gain(a1, a2, b0, b1):
    return (b0 + b1) / (1 - a1 - a2)


def is_stable(a1, a2):
    return abs(a2) < 1 and abs(a1) < 1 - a2
