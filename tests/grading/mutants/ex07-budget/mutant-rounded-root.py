# mistake: only the rounded root is tried, and a length that fits is missed
def put_aside(n, d, h):
    return 8 * n * (d + 3 * h)


def plan(K, s, a, T, budget):
    if K * a + T <= budget:
        return "unrolled", 1
    length = max(1, round(math.sqrt(K)))
    if -(-K // length) * s + length * a + T <= budget:
        return "spaced", length
    c = min((budget - a - T) // s, K)
    return ("nested", c) if c >= 1 else None
