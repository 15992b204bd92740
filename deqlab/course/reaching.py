"""Tell whether an answer reaches beyond its own names: such an answer is run apart from the others.

This decides only what is run together, never a point: an answer that hides what it does can spoil
nobody's questions but its author's.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection

from deqlab.course.matching import defined

CALLS = frozenset(
    ("delattr", "eval", "exec", "exit", "get_ipython", "globals", "quit", "setattr", "vars")
)
BUILTINS = frozenset(dir(builtins))


def reaches_out(source: str, given: Collection[str]) -> bool:
    """Return whether an answer may change what it does not define itself.

    Parameters
    ----------
    source : str
        Of the answer cell.
    given : collection of str
        Names that the given cells bind.

    Returns
    -------
    bool
        True if it rebinds or deletes a given or built-in name, assigns to an attribute or an entry
        of something that it did not make, starts a thread, calls what can do anything of this, or
        is not plain Python (a magic).

    Examples
    --------
    >>> reaches_out("def f(x):\\n    y = x + 1\\n    return y", {"np"})
    False
    >>> reaches_out("np.abs = abs", {"np"})
    True
    """
    own = defined(source)
    if own is None or own & (BUILTINS | set(given)):
        return True
    nodes = list(ast.walk(ast.parse(source)))
    local = {node.id for node in nodes if isinstance(node, ast.Name) and _stored(node)}
    local |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return any(_reaches(node, own | local) for node in nodes)


def _stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _reaches(node: ast.AST, own: set[str]) -> bool:
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del(), value=value):
            return _base(value) not in own
        case ast.Name(ctx=ast.Del()):
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in CALLS
        case ast.Import(names=names):
            return any(_meddles(alias.name) for alias in names)
        case ast.ImportFrom(module=module):
            return _meddles(module or "")
    return False


def _base(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _meddles(module: str) -> bool:
    first = module.partition(".")[0]
    return first in ("IPython", "builtins", "ctypes", "gc", "inspect", "signal", "threading")
