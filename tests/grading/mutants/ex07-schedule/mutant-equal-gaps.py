# mistake: one level of equally spaced sheets
import functools


def best_spacing(K, s, a):
    return sp.sqrt(K * s / a)


def least_memory(K, s, a):
    return 2 * sp.sqrt(K * s * a)


def fewest(K, c):
    gap = -(-K // c)
    rest, evaluations = K, K - gap
    while rest > 0:
        m = min(gap, rest)
        evaluations += m * (m - 1) // 2
        rest -= m
    return max(evaluations, 0)


def longest(c, r):
    return math.comb(c + r, c)
