import sympy


def _derivatives(theta):
    w, b, t = sympy.symbols("w b t")
    z, phi, p1, p2, s = sympy.symbols("z phi p1 p2 s")
    first, second = sympy.symbols("first second")
    inner = (z + first * s + second * s**2 / 2) * (w + s * int(theta == "w")) + b + s * int(theta == "b")
    y = sympy.expand(inner - w * z - b)
    outer = sympy.expand(p1 * y + p2 * y**2 / 2)
    known = sympy.solve(
        [outer.coeff(s, 1) - first, outer.coeff(s, 2) - second / 2], [first, second], dict=True
    )[0]
    return (w, z, p1, p2), (known[first], known[second])


def by_offset(w, p1, p2):
    names, formulas = _derivatives("b")
    return [f.subs(dict(zip(names, (w, 0, p1, p2)))) for f in formulas]


def by_weight(w, z, p1, p2):
    names, formulas = _derivatives("w")
    return [f.subs(dict(zip(names, (w, z, p1, p2)))) for f in formulas]
