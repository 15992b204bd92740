"""Files that are whole or absent, whatever happens to the process that writes them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

TEMPORARY = ".unfinished-"
STARTED = ".started"  # ends the name of a marker that lies beside a record while it is made


def write_whole(path: Path, text: str) -> None:
    """Write a file such that after any interruption it is the old one or the new one.

    Parameters
    ----------
    path : Path
        Readable by its owner only.
    text : str
        Half of a surrogate pair, which UTF-8 cannot write, is written as its escape.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(text.encode(errors="backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_unfinished(folder: Path) -> None:
    """Remove what interrupted work left behind."""
    for pattern in (f"{TEMPORARY}*", f"*{STARTED}"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write JSON data with a checksum."""
    text = _canonical(record)
    write_whole(path, f'{{"sha256": "{_digest(text)}", "record": {text}}}\n')


def read_record(path: Path) -> dict[str, Any] | None:
    """Return what `write_record` wrote; None if there is no such file, or it is damaged."""
    try:
        envelope = json.loads(path.read_text(encoding="utf-8"))
        record: dict[str, Any] = envelope["record"]
        intact = envelope["sha256"] == _digest(_canonical(record))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return record if intact else None


def _canonical(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True, ensure_ascii=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
