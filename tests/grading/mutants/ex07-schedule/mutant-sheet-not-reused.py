# mistake: the sheet is not used again for the left part
import functools


def best_spacing(K, s, a):
    return sp.sqrt(K * s / a)


def least_memory(K, s, a):
    return 2 * sp.sqrt(K * s * a)


@functools.cache
def fewest(K, c):
    if K == 1:
        return 0
    if c == 1:
        return K * (K - 1) // 2
    return min(m + fewest(K - m, c - 1) + fewest(m, c - 1) for m in range(1, K))


def longest(c, r):
    return math.comb(c + r, c)
