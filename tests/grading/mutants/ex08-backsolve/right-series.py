def there_and_back(F, x, time, steps):
    h, s = x, time / steps
    for k in range(2 * steps):
        if k == steps:
            s = -s
        a = s * F(h)
        b = s * F(h + a / 2)
        c = s * F(h + b / 2)
        d = s * F(h + c)
        h = h + a / 6 + b / 3 + c / 3 + d / 6
    return h


def magnified(A, time):
    """The exponential by halving the time thirty times over, then a series, then squaring."""
    E = -time * A / 2**20
    G = np.eye(len(A)) + E + E @ E / 2 + E @ E @ E / 6
    for _ in range(20):
        G = G @ G
    return np.sqrt(np.linalg.eigvalsh(G.T @ G).max())


def longest(mu, error, wanted):
    return np.log(wanted / error) / mu if mu > 0 else np.inf
