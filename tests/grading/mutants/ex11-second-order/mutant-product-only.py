# mistake: only the product of the poles is looked at
# hint: 2
def first_taps(a1, a2, b0, b1):
    h1 = a1 * b0 + b1
    h2 = a1 * h1 + a2 * b0
    return b0, h1, h2, a1 * h2 + a2 * h1


def dc_gain(a1, a2, b0, b1):
    return (b0 + b1) / (1 - a1 - a2)


def is_stable(a1, a2):
    return abs(a2) < 1
