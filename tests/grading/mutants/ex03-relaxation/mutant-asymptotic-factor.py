# mistake: the bound 2 q^K given for the factor
# hint: 3
def best_for_pair(a, b):
    square = (1 - a) ** 2 + b**2
    return (1 - a) / square, sp.sqrt(b**2 / square)


def schedule(p, q, K):
    zeros = np.cos((np.arange(K) + 0.5) * np.pi / K)
    eigenvalues = (p + q + (q - p) * zeros) / 2
    root = np.sqrt((1 - p) / (1 - q))
    return np.sort(1 / (1 - eigenvalues)), 2 * ((root - 1) / (root + 1)) ** K
