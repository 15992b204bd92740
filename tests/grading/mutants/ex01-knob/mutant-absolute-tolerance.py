# mistake: an absolute tolerance instead of a relative one
# hint: 3
def slope(p, tau):
    return 1 - tau * p


def best_knob(p):
    return 1 / p


def knob_limit(p):
    return 2 / p


def orbit(a, p, rtol):
    tau, z = 1 / p, [1.0]
    while len(z) < 2 or abs(z[-1] - z[-2]) > rtol:
        z.append((1 - tau) * z[-1] + tau * a / z[-1] ** (p - 1))
    return z
