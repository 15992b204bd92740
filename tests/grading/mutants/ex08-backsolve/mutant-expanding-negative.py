# mistake: a negative time where errors shrink
def there_and_back(F, x, time, steps):
    """The start that is recovered after solving to `time` and back."""
    h = x
    for s in [time / steps] * steps + [-time / steps] * steps:
        k1 = F(h)
        k2 = F(h + s / 2 * k1)
        k3 = F(h + s / 2 * k2)
        k4 = F(h + s * k3)
        h = h + s / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return h


def magnified(A, time):
    """Largest growth of an error in h(time) on the way back to h(0), for h' = A h."""
    from scipy.linalg import expm

    return np.linalg.norm(expm(-time * A), 2)


def longest(mu, error, wanted):
    """Longest time after which the start is recovered to `wanted`."""
    import math

    return math.log(wanted / error) / mu
