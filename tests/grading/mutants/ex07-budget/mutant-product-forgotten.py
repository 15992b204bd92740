# mistake: the product, which the gradient of V needs, is not counted
def put_aside(n, d, h):
    return 8 * n * (d + 2 * h)


def plan(K, s, a, T, budget):
    if K * a + T <= budget:
        return "unrolled", 1
    need, length = min((-(-K // ell) * s + ell * a, ell) for ell in range(1, K + 1))
    if need + T <= budget:
        return "spaced", length
    c = min((budget - a - T) // s, K)
    return ("nested", c) if c >= 1 else None
