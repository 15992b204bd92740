# mistake: the slow mode limits the step instead of the fast one
# hint: 2
def equilibrium(P, G, H, outside):
    mean = outside + P / (2 * G)
    half_difference = P / (2 * (G + 2 * H))
    return mean + half_difference, mean - half_difference


def longest_step(C, G, H):
    return 2 * C / G
