import functools


def best_spacing(K, s, a):
    return (K * s / a) ** sp.Rational(1, 2)


def least_memory(K, s, a):
    return 2 * a * best_spacing(K, s, a)


@functools.cache
def fewest(K, c):
    if K == 1:
        return 0
    if c == 1:
        return K * (K - 1) // 2
    return min(m + fewest(K - m, c - 1) + fewest(m, c) for m in range(1, K))


@functools.cache
def longest(c, r):
    if r == 0:
        return 1
    return r + 1 if c == 1 else longest(c - 1, r) + longest(c, r - 1)
