"""Numbers in prose: looks up ``cell:name`` in what the cell printed (``name = 1.23``)."""

import re
from collections.abc import Callable, Iterable
from typing import Any


def printed(cell: Any) -> str:
    """All plain text among a cell's stored outputs."""
    parts: list[str] = []
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        parts.append(text if isinstance(text, str) else "".join(text))
    return "\n".join(parts)


def lookup(cells: Iterable[Any]) -> Callable[[str], str]:
    """Reader of the numbers that the labelled cells printed.

    Returns
    -------
    callable
        Maps ``'cell:name'`` to the text of the number; raises `LookupError` if the cell does not
        exist, or does not print ``name = number`` (or ``name: number``) exactly once.
    """
    outputs = {cell.metadata.get("label"): printed(cell) for cell in cells}

    def value(target: str) -> str:
        label, _, name = target.partition(":")
        if label not in outputs:
            raise LookupError(f"the value '{target}' names no cell; label a code cell '{label}'")
        number = rf"(?<![\w.]){re.escape(name)}\s*[=:]\s*([-+]?[\d.]+(?:e[-+]?\d+)?)"
        found = re.findall(number, outputs[label])
        if len(found) != 1:
            raise LookupError(
                f"the cell '{label}' prints '{name} = ...' {len(found)} times, expected once"
            )
        return str(found[0]).rstrip(".")

    return value
