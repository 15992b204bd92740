def put_aside(n, d, h):
    argument, hidden = n * d, n * h
    return 8 * argument + 3 * 8 * hidden


def plan(K, s, a, T, budget):
    if K * a + T <= budget:
        return "unrolled", 1
    fitting = [ell for ell in range(1, K + 1) if math.ceil(K / ell) * s + ell * a + T <= budget]
    if fitting:
        return "spaced", max(fitting)
    sheets = [c for c in range(1, K + 1) if c * s + a + T <= budget]
    return ("nested", sheets[-1]) if sheets else None
