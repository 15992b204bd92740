# mistake: the start reaches the end untouched
# hint: 2
def untied_taps(A, B, M):
    through, taps = np.eye(M.shape[0]), []
    for A_k, B_k in zip(A[::-1], B[::-1], strict=True):
        taps.append(through @ B_k)
        through = through @ A_k
    return np.array([*taps, M])


def layers_with_taps(G):
    K, d = len(G) - 1, G.shape[1]
    return np.tile(np.eye(d), (K, 1, 1)), G[:-1][::-1].copy(), G[-1].copy()
