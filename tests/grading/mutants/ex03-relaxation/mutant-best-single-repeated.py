# mistake: the best single relaxation, taken K times
# hint: 2
def best_for_pair(a, b):
    square = (1 - a) ** 2 + b**2
    return (1 - a) / square, sp.sqrt(b**2 / square)


def schedule(p, q, K):
    return np.full(K, 2 / (2 - p - q)), ((q - p) / (2 - p - q)) ** K
