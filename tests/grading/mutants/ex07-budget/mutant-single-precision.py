# mistake: four bytes a number
def put_aside(n, d, h):
    return 4 * n * (d + 3 * h)


def plan(K, s, a, T, budget):
    if K * a + T <= budget:
        return "unrolled", 1
    need, length = min((-(-K // ell) * s + ell * a, ell) for ell in range(1, K + 1))
    if need + T <= budget:
        return "spaced", length
    c = min((budget - a - T) // s, K)
    return ("nested", c) if c >= 1 else None
