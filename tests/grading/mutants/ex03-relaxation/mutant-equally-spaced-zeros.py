# mistake: the zeros of the product spread evenly over the interval
# hint: 3
def best_for_pair(a, b):
    square = (1 - a) ** 2 + b**2
    return (1 - a) / square, sp.sqrt(b**2 / square)


def schedule(p, q, K):
    eigenvalues = p + (q - p) * (np.arange(K) + 0.5) / K
    grid = np.linspace(p, q, 20001)
    product = np.prod([(grid - x) / (1 - x) for x in eigenvalues], axis=0)
    return np.sort(1 / (1 - eigenvalues)), np.abs(product).max()
