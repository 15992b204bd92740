# mistake: the longest step without overshoot instead of the longest that converges
# hint: 3
def equilibrium(P, G, H, outside):
    mean = outside + P / (2 * G)
    half_difference = P / (2 * (G + 2 * H))
    return mean + half_difference, mean - half_difference


def longest_step(C, G, H):
    return C / (G + 2 * H)
