def _both(J, M, zz, zt, tt):
    """(1 - J) z'' = f_tt + 2 f_zt z' + f_zz z'^2."""
    first = M / (1 - J)
    return first, (tt + 2 * zt * first + zz * first**2) / (1 - J)


def by_offset(w, p1, p2):
    return _both(w * p1, p1, w**2 * p2, w * p2, p2)


def by_weight(w, z, p1, p2):
    return _both(w * p1, z * p1, w**2 * p2, p1 + w * z * p2, z**2 * p2)
