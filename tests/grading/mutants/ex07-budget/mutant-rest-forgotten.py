# mistake: T is left out of the plan
def put_aside(n, d, h):
    return 8 * n * (d + 3 * h)


def plan(K, s, a, T, budget):
    if K * a <= budget:
        return "unrolled", 1
    need, length = min((-(-K // ell) * s + ell * a, ell) for ell in range(1, K + 1))
    if need <= budget:
        return "spaced", length
    c = min((budget - a) // s, K)
    return ("nested", c) if c >= 1 else None
