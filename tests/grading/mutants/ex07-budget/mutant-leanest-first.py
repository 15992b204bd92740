# mistake: the plan with the least memory, not the fewest operations
def put_aside(n, d, h):
    return 8 * n * (d + 3 * h)


def plan(K, s, a, T, budget):
    c = min((budget - a - T) // s, K)
    return ("nested", c) if c >= 1 else None
