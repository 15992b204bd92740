import sympy


def slope(p, tau):
    z, a = sympy.symbols("z a", positive=True)
    g = (1 - tau) * z + tau * a / z ** (p - 1)
    return sympy.simplify(g.diff(z).subs(a, z**p))


def best_knob(p):
    return float(sympy.Rational(1, p))


def knob_limit(p):
    return float(sympy.Rational(2, p))


def orbit(a, p, rtol, start=1.0):
    following = ((p - 1) * start + a / start ** (p - 1)) / p
    if abs(following - start) <= rtol * abs(following):
        return [start, following]
    return [start, *orbit(a, p, rtol, following)]
