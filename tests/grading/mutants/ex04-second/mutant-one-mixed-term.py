# mistake: the mixed term counted once instead of twice
# hint: 2
def by_offset(w, p1, p2):
    gain = 1 / (1 - w * p1)
    return p1 * gain, p2 * gain**3


def by_weight(w, z, p1, p2):
    gain = 1 / (1 - w * p1)
    first = z * p1 * gain
    return first, gain * (p2 * (w * first + z) ** 2 + p1 * first)
