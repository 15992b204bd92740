def best_spacing(K, s, a):
    return sp.sqrt(K * s / a)


def least_memory(K, s, a):
    return 2 * sp.sqrt(K * s * a)


def fewest(K, c):
    r = 0  # every step at most r times: Griewank's count
    while math.comb(c + r, c) < K:
        r += 1
    return r * K - math.comb(c + r, c + 1)


def longest(c, r):
    product = 1
    for i in range(1, c + 1):
        product = product * (r + i) // i
    return product
