# mistake: the difference of the rooms loses heat through the wall once instead of twice
# hint: 3
def equilibrium(P, G, H, outside):
    mean = outside + P / (2 * G)
    half_difference = P / (2 * (G + H))
    return mean + half_difference, mean - half_difference


def longest_step(C, G, H):
    return 2 * C / (G + 2 * H)
