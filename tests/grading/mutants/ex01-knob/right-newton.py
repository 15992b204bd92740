def slope(p, tau):
    return (1 - tau) - tau * (p - 1)


def best_knob(p):
    return p**-1.0


def knob_limit(p):
    return 2 * best_knob(p)


def orbit(a, p, rtol):
    iterates, z, step = [1.0], 1.0, np.inf
    while abs(step) > rtol * abs(z):
        step = -(z**p - a) / (p * z ** (p - 1))
        z = z + step
        iterates.append(z)
    return np.array(iterates)
