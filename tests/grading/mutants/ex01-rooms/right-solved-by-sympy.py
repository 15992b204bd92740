import sympy

_names = sympy.symbols("P G H To T1 T2")
_P, _G, _H, _To, _T1, _T2 = _names
_found = sympy.solve(
    [_P - _G * (_T1 - _To) - _H * (_T1 - _T2), -_G * (_T2 - _To) - _H * (_T2 - _T1)], [_T1, _T2]
)
_formulas = sympy.lambdify((_P, _G, _H, _To), [_found[_T1], _found[_T2]])


def equilibrium(P, G, H, outside):
    return _formulas(P, G, H, outside)


def longest_step(C, G, H):
    slow, fast = G / C, (G + 2 * H) / C
    return 2 / max(slow, fast)
