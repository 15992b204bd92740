# mistake: divides by |lambda|^2 instead of |1 - lambda|^2
# hint: 1
def best_for_pair(a, b):
    square = a**2 + b**2
    return (1 - a) / square, sp.sqrt(b**2 / square)


def schedule(p, q, K):
    zeros = np.cos((np.arange(K) + 0.5) * np.pi / K)
    eigenvalues = (p + q + (q - p) * zeros) / 2
    factor = 1 / np.cosh(K * np.arccosh((2 - p - q) / (q - p)))
    return np.sort(1 / (1 - eigenvalues)), factor
