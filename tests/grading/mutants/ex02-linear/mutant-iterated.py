# mistake: the limit of the iteration, which need not converge, taken for the fixed point
# hint: 2
def fixed_point_2x2(w11, w12, w21, w22, c1, c2):
    delta = (1 - w11) * (1 - w22) - w12 * w21
    return ((1 - w22) * c1 + w12 * c2) / delta, (w21 * c1 + (1 - w11) * c2) / delta


def fixed_point(W, U, b, x):
    if np.linalg.matrix_rank(np.eye(len(W)) - W) < len(W):
        return None
    z = np.zeros(len(W))
    for _ in range(500):
        z = W @ z + U @ x + b
    return z
