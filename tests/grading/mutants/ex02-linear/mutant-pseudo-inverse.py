# mistake: some vector even where there is no solution or there are many
# hint: 3
def fixed_point_2x2(w11, w12, w21, w22, c1, c2):
    delta = (1 - w11) * (1 - w22) - w12 * w21
    return ((1 - w22) * c1 + w12 * c2) / delta, (w21 * c1 + (1 - w11) * c2) / delta


def fixed_point(W, U, b, x):
    return np.linalg.pinv(np.eye(len(W)) - W) @ (U @ x + b)
