# mistake: a fixed number of steps instead of a tolerance
def slope(p, tau):
    return 1 - tau * p


def best_knob(p):
    return 1 / p


def knob_limit(p):
    return 2 / p


def orbit(a, p, rtol):
    tau, z = 1 / p, [1.0]
    for _ in range(20):
        z.append((1 - tau) * z[-1] + tau * a / z[-1] ** (p - 1))
    return z
