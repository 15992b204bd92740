# mistake: z* taken for a constant when the gradient is differentiated
# hint: 1
def by_offset(w, p1, p2):
    gain = 1 / (1 - w * p1)
    return p1 * gain, p2 * gain**2


def by_weight(w, z, p1, p2):
    gain = 1 / (1 - w * p1)
    first = z * p1 * gain
    return first, gain**2 * (p2 * z**2 + z * p1**2)
