def equilibrium(P, G, H, outside):
    """The path through the wall and out of room 2 is parallel to room 1's own way out."""
    through_the_wall = H * G / (H + G)
    T1 = outside + P / (G + through_the_wall)
    T2 = outside + H / (G + H) * (T1 - outside)
    return [T1, T2]


def longest_step(C, G, H):
    return C / (H + G / 2)
