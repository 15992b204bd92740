def who_can(x, y, L):
    flow = equilibrium = block = True
    for a, b in zip(x, y):
        for c, d in zip(x, y):
            if a < c and not b < d:
                flow = False
            if abs((b - a) - (d - c)) > L * abs(b - d):
                equilibrium = False
            if abs((b - a) - (d - c)) > L * abs(a - c):
                block = False
    return {"block": block, "equilibrium": equilibrium, "flow": flow}


def slope(F, x, y):
    return F(y) * F(x) ** -1
