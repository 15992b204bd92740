"""Read whatever was handed in: the answer is a notebook's cells or the reason why there are none.

A file is opened once, without following links and without blocking; only a notebook of a sensible
size is read into memory. Nothing in the file is believed beyond the text of its cells.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from deqlab.course.exercise import Exercise, Role

MAX_FILE_BYTES = 25 << 20  # a notebook beyond this holds outputs, not answers
KINDS = ("code", "markdown", "raw")


@dataclass(frozen=True)
class Cell:
    """What is believed of a cell: its kind, its id, the grade_id in its metadata, its text."""

    kind: str
    id: str
    grade_id: str
    source: str


@dataclass(frozen=True)
class Ingested:
    """A file that was handed in.

    Parameters
    ----------
    name : str
    sha256 : str or None
        Of the file's content, None if it was not read.
    size : int
        In bytes.
    cells : tuple of Cell
        Empty if there is a problem.
    exercise, digest : str
        What the notebook says of the exercise and the release that it was made from.
    problem : str
        Why it cannot be graded, in words for the student; empty if it can.
    remarks : tuple of str
        What was put right on the way.
    """

    name: str
    sha256: str | None = None
    size: int = 0
    cells: tuple[Cell, ...] = ()
    exercise: str = ""
    digest: str = ""
    problem: str = ""
    remarks: tuple[str, ...] = field(default=())


class UnreadableError(ValueError):
    """The file is not a notebook; the message is for the student."""


def ingest(path: Path | str) -> Ingested:
    """Read a file that was handed in.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Ingested
        Always; with a ``problem`` if the file is missing, not a file, too large, damaged or not a
        notebook.
    """
    path = Path(path)
    digest, size = None, 0
    try:
        content, size = _read(path)
        digest = hashlib.sha256(content).hexdigest()
        remarks: list[str] = []
        notebook = _parse(_text(content, remarks))
        cells = _cells(notebook, remarks)
    except UnreadableError as error:
        return Ingested(path.name, digest, size, problem=str(error))
    except RecursionError:
        problem = "not a notebook: its brackets are nested too deep"
        return Ingested(path.name, digest, size, problem=problem)
    named = _mapping(_mapping(notebook.get("metadata")).get("deqlab"))
    return Ingested(
        name=path.name,
        sha256=digest,
        size=size,
        cells=tuple(cells),
        exercise=str(named.get("exercise", ""))[:60],
        digest=str(named.get("digest", ""))[:60],
        remarks=tuple(remarks),
    )


def recognise(path: Path | str, exercises: Sequence[Exercise]) -> Exercise | None:
    """Return the exercise that a file belongs to.

    The notebook's own word counts first, then the grade_ids and ids of its cells and their texts.
    The name of the file does not.

    Parameters
    ----------
    path : path-like
    exercises : sequence of Exercise

    Returns
    -------
    Exercise or None
        None if the file tells nothing, or the same of several.
    """
    found = ingest(path)
    for exercise in exercises:
        if found.exercise == exercise.name:
            return exercise
    votes: Counter[str] = Counter()
    for exercise in exercises:
        marks = {question.grade_id for question in exercise.questions}
        marks |= {cell.id for cell in exercise.notebook.cells}
        texts = {
            cell.source.strip() for cell in exercise.notebook.cells if exercise.role(cell) is None
        } | {question.check.source.strip() for question in exercise.questions}
        for cell in found.cells:
            grade_id = cell.grade_id.removesuffix(f"-{Role.CHECK}")
            votes[exercise.name] += bool({grade_id, cell.id} & marks)
            votes[exercise.name] += bool(cell.source.strip()) and cell.source.strip() in texts
    best = votes.most_common(2)
    if not best or best[0][1] == 0 or (len(best) > 1 and best[0][1] == best[1][1]):
        return None
    return next(exercise for exercise in exercises if exercise.name == best[0][0])


def _read(path: Path) -> tuple[bytes, int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        if path.is_symlink():
            raise UnreadableError("a link was handed in; hand in the notebook itself") from None
        raise UnreadableError(f"cannot be opened: {getattr(error, 'strerror', error)}") from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableError("a folder was handed in; hand in the notebook itself")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not a file; hand in the notebook itself")
        if status.st_size > MAX_FILE_BYTES:
            raise UnreadableError(
                f"{status.st_size / 1e6:.0f} MB, and at most {MAX_FILE_BYTES / 1e6:.0f} MB are "
                "read: clear all outputs, save, and hand it in again"
            )
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_FILE_BYTES)
    finally:
        os.close(descriptor)
    if not content.strip(b" \t\r\n\0"):
        raise UnreadableError("the file is empty")
    return content, len(content)


def _text(content: bytes, remarks: list[str]) -> str:
    encoding = json.detect_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode(encoding, errors="replace")
        remarks.append(
            "some bytes are no text (not UTF-8); each was replaced by \N{REPLACEMENT CHARACTER}"
        )
    if encoding not in ("utf-8", "utf-8-sig"):
        remarks.append(f"the file is written in {encoding}; a notebook is UTF-8")
    if "\0" in text:
        text = text.replace("\0", "")
        remarks.append("NUL bytes in the file were left out")
    return text


def _parse(text: str) -> dict[str, Any]:
    try:
        notebook = json.loads(text, strict=False)
    except ValueError as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableError(
            f"not a notebook, or cut off: the file is not complete JSON{place}; "
            "download it again and open it in Jupyter before you hand it in"
        ) from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("nbformat"), int):
        raise UnreadableError("not a notebook: JSON without a notebook's format number")
    version = notebook["nbformat"]
    if version < 4:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                upgraded: dict[str, Any] = nbformat.convert(nbformat.from_dict(notebook), 4)
        except Exception as error:
            raise UnreadableError(f"a damaged notebook of format {version}: {error}") from None
        return upgraded
    if version > 4:
        raise UnreadableError(f"a notebook of format {version}; formats up to 4 are known")
    return notebook


def _cells(notebook: dict[str, Any], remarks: list[str]) -> list[Cell]:
    entries = notebook.get("cells")
    if not isinstance(entries, list):
        raise UnreadableError("a notebook without cells")
    cells = [cell for cell in map(_cell, entries) if cell is not None]
    if not cells:
        raise UnreadableError("a notebook without cells")
    damaged = len(entries) - len(cells)
    if damaged:
        remarks.append(f"{damaged} damaged cells were left out")
    return cells


def _cell(entry: Any) -> Cell | None:
    if not isinstance(entry, dict) or entry.get("cell_type") not in KINDS:
        return None
    source = entry.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    metadata = _mapping(entry.get("metadata"))
    name = entry.get("id") or metadata.get("id") or ""  # Colab keeps it in the metadata
    grade_id = _mapping(metadata.get("nbgrader")).get("grade_id", "")
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    text = text.encode("utf-8", errors="replace").decode("utf-8")  # lone surrogates
    return Cell(entry["cell_type"], str(name), str(grade_id), text)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
