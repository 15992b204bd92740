# mistake: the first tap feeds nothing back
# hint: 3
def first_taps(a1, a2, b0, b1):
    h2 = a1 * b1 + a2 * b0
    return b0, b1, h2, a1 * h2 + a2 * b1


def dc_gain(a1, a2, b0, b1):
    return (b0 + b1) / (1 - a1 - a2)


def is_stable(a1, a2):
    return abs(a2) < 1 and abs(a1) < 1 - a2
