# mistake: a simulation that was stopped early, and is no closed form
# hint: 1
def equilibrium(P, G, H, outside):
    first = second = outside
    for _ in range(4):
        wall = H * (first - second)
        step = 1 / (G + 2 * H)
        first, second = (
            first + step * (P - G * (first - outside) - wall),
            second + step * (wall - G * (second - outside)),
        )
    return first, second


def longest_step(C, G, H):
    return 2 * C / (G + 2 * H)
