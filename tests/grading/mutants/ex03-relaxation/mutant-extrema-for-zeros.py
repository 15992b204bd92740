# mistake: the extrema of the Chebyshev polynomial taken for its zeros
# hint: 3
def best_for_pair(a, b):
    square = (1 - a) ** 2 + b**2
    return (1 - a) / square, sp.sqrt(b**2 / square)


def schedule(p, q, K):
    zeros = np.cos(np.arange(1, K + 1) * np.pi / (K + 1))
    eigenvalues = (p + q + (q - p) * zeros) / 2
    factor = 1 / np.cosh(K * np.arccosh((2 - p - q) / (q - p)))
    return np.sort(1 / (1 - eigenvalues)), factor
