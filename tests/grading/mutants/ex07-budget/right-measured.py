def put_aside(n, d, h):
    W, G = (torch.ones(h, d, dtype=torch.float64, requires_grad=True) for _ in range(2))
    V = torch.ones(d, h, dtype=torch.float64, requires_grad=True)

    def run(count):
        z = torch.zeros(n, d, dtype=torch.float64)
        for _ in range(count):
            z = (torch.tanh(z @ W.T) * torch.sigmoid(z @ G.T)) @ V.T
        return z

    return saved_bytes(lambda: run(5)) - saved_bytes(lambda: run(4))


def plan(K, s, a, T, budget):
    room = budget - T
    if room >= K * a:
        return ["unrolled", 1]
    for length in range(1, K + 1):
        if math.ceil(K / length) * s + length * a <= room:
            return ["spaced", length]
    for c in range(K, 0, -1):
        if c * s + a <= room:
            return ["nested", c]
    return None
