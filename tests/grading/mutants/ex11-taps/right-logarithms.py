import math


def count(p, bound):
    return max(1, math.ceil(math.log(bound) / math.log(abs(p)))) if p else 1


def truncation_taps(p, tol):
    return count(p, tol * (1 - abs(p)))


def best_taps(p, tol):
    K = count(p, tol * (1 - p * p))
    return [p**k for k in range(K - 1)] + [p ** (K - 1) / (1 - p * p)]
