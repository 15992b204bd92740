"""Formats the code cells of a MyST source in place, as ``ruff format`` does in its notebook."""

import subprocess
import sys
from pathlib import Path

from tools.source import Directive, read


def format_cells(path: Path) -> bool:
    """Rewrite the code cells that ruff would format differently; True if there were any."""
    lines = path.read_text(encoding="utf-8").splitlines()
    changed = False
    cells = [b for b in read(path).blocks if isinstance(b, Directive) and b.name == "code-cell"]
    for cell in reversed(cells):
        notebook_name = path.with_suffix(".py")  # the folder decides the line length
        ruff = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(notebook_name), "-"]
        code = "\n".join(cell.raw) + "\n"
        result = subprocess.run(ruff, input=code, capture_output=True, text=True)
        if result.returncode == 0 and result.stdout != code:
            start = cell.raw_line - 1
            lines[start : start + len(cell.raw)] = result.stdout.splitlines()
            changed = True
    if changed:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return changed
