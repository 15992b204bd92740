# mistake: W transposed
# hint: 3
def fixed_point_2x2(w11, w12, w21, w22, c1, c2):
    delta = (1 - w11) * (1 - w22) - w12 * w21
    return ((1 - w22) * c1 + w12 * c2) / delta, (w21 * c1 + (1 - w11) * c2) / delta


def fixed_point(W, U, b, x):
    residual_matrix = np.eye(len(W)) - W.T
    if np.linalg.matrix_rank(residual_matrix) < len(W):
        return None
    return np.linalg.solve(residual_matrix, U @ x + b)
