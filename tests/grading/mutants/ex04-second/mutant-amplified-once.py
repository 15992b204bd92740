# mistake: the argument's derivative taken without its w z' part
# hint: 1
def by_offset(w, p1, p2):
    gain = 1 / (1 - w * p1)
    return p1 * gain, p2 * gain


def by_weight(w, z, p1, p2):
    gain = 1 / (1 - w * p1)
    first = z * p1 * gain
    return first, gain * (p2 * z**2 + 2 * p1 * first)
