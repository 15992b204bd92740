def there_and_back(F, x, time, steps):
    def leg(h, s):
        for _ in range(steps):
            ks, weights = [], (1, 2, 2, 1)
            for c in (0, 0.5, 0.5, 1):
                ks.append(F(h + s * c * ks[-1]) if ks else F(h))
            h = h + s * sum(w * k for w, k in zip(weights, ks)) / 6
        return h

    return leg(leg(x, time / steps), -time / steps)


def magnified(A, time):
    from scipy.linalg import expm

    return 1 / np.linalg.svd(expm(time * A), compute_uv=False).min()


def longest(mu, error, wanted):
    if mu <= 0:
        return float("inf")
    return (np.log(wanted) - np.log(error)) / mu
