# mistake: layers that have the right sum of taps, and put all of it into the last
def untied_taps(A, B, M):
    through, taps = np.eye(M.shape[0]), []
    for A_k, B_k in zip(A[::-1], B[::-1], strict=True):
        taps.append(through @ B_k)
        through = through @ A_k
    return np.array([*taps, through @ M])


def layers_with_taps(G):
    K, d, m = len(G) - 1, *G.shape[1:]
    B = np.zeros((K, d, m))
    B[-1] = G.sum(axis=0)
    return np.tile(np.eye(d), (K, 1, 1)), B, np.zeros((d, m))
