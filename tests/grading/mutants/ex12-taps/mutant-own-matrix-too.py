# mistake: an injection goes through the matrix of its own layer as well
# hint: 1
def untied_taps(A, B, M):
    through, taps = np.eye(M.shape[0]), []
    for A_k, B_k in zip(A[::-1], B[::-1], strict=True):
        through = through @ A_k
        taps.append(through @ B_k)
    return np.array([*taps, through @ M])


def layers_with_taps(G):
    K, d = len(G) - 1, G.shape[1]
    return np.tile(np.eye(d), (K, 1, 1)), G[:-1][::-1].copy(), G[-1].copy()
