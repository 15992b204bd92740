"""Find the submissions of a class: every file becomes one, with the student it is of.

Three layouts are read, also mixed::

    submissions/ann_ex02-contractions.ipynb              the file's name without the exercise's
    submissions/ann/ex02-contractions.ipynb              the folder's name
    submissions/ann/ex02-contractions/anything.ipynb     nbgrader's: STUDENT/ASSIGNMENT/FILE

Below a student's folder every ``.ipynb`` is a submission; where a folder has none, every other
file is one (and will be unreadable, but not lost). Names that begin with a dot and nbgrader's
``timestamp.txt`` are no submissions.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deqlab.course.errors import CourseError

NO_STUDENT = "the file's name says no student"
TIMESTAMP = "timestamp.txt"
JUNK = {TIMESTAMP, "Thumbs.db", "desktop.ini", "__MACOSX", "__pycache__"}
COPY = re.compile(r"( ?\(\d+\)|-Copy\d+)$")  # of a browser, of Jupyter
EDGES = "_-.@ "
MAX_DEPTH = 8  # of folders
DATE = re.compile(r"[\d :.TZ+-]{4,40}(UTC|GMT)?")


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """One file that somebody handed in.

    Parameters
    ----------
    student : str
        Letters, digits and ``_ - . @`` only, so that it is harmless in a table and in a file name.
    path : Path
    place : str
        The path below the folder, printable.
    key : str
        Unique in the class; names the files that belong to this submission.
    timestamp : str
        What nbgrader's ``timestamp.txt`` says, or ``""``.
    flags : tuple of str
        Remarks for the instructor.
    """

    student: str
    path: Path
    place: str
    key: str
    timestamp: str = ""
    flags: tuple[str, ...] = ()


def discover(
    root: Path, exercises: Iterable[str] = (), pattern: str | None = None
) -> list[Submitted]:
    """Find the submissions below a folder.

    Parameters
    ----------
    root : Path
        A folder, or one file.
    exercises : iterable of str
        Names of exercises, which are no part of a student's name.
    pattern : str, optional
        Regular expression; its first group in the path below ``root`` is the student, in place of
        the rules above. For the names that a learning platform gives.

    Returns
    -------
    list of Submitted
        Sorted by student, then place.

    Raises
    ------
    CourseError
        If there is no such folder, nothing in it, or the pattern has no group.
    """
    names = sorted(exercises, key=len, reverse=True)
    rule = _compiled(pattern)
    if not root.exists():
        raise CourseError(f"{root}: no such file or folder; give a folder of submissions")
    paths = [root] if not root.is_dir() else list(_files(root))
    if not paths:
        raise CourseError(f"{root}: no files in it; expected STUDENT.ipynb or STUDENT/FILE.ipynb")
    base = root if root.is_dir() else root.parent
    named = [_submitted(path, path.relative_to(base), names, rule) for path in paths]
    return sorted(_distinct(named), key=lambda one: (one.student, one.place))


def flag_repetitions(
    submissions: Sequence[Submitted], exercises: Sequence[str], digests: Sequence[str | None]
) -> list[Submitted]:
    """Remark on several files of one student for one exercise, and on equal files.

    Parameters
    ----------
    submissions : sequence of Submitted
    exercises : sequence of str
        Which exercise each of them is of.
    digests : sequence of str or None
        Hash of each file.

    Returns
    -------
    list of Submitted
        With more flags.
    """
    rows = list(zip(submissions, exercises, digests, strict=True))
    same: dict[tuple[str, str], list[Submitted]] = {}
    equal: dict[str, list[Submitted]] = {}
    for one, exercise, digest in rows:
        same.setdefault((one.student, exercise), []).append(one)
        if digest is not None:
            equal.setdefault(digest, []).append(one)
    flagged = []
    for one, exercise, digest in rows:
        others = [other.place for other in same[one.student, exercise] if other is not one]
        flags = list(one.flags)
        if others:
            flags.append(f"this student also handed in {_some(others)}: decide which one counts")
        twins = [other.place for other in equal.get(digest or "", []) if other is not one]
        if twins:
            flags.append(f"the file is byte for byte that of {_some(twins)}")
        flagged.append(replace(one, flags=tuple(flags)))
    return flagged


def identifier(text: str) -> str:
    """Return a name that a table, a file system and a spreadsheet take for a name."""
    plain = unicodedata.normalize("NFC", text)
    return re.sub(r"[^\w.@-]+", "_", plain).strip(EDGES)[:80]


def printable(text: str) -> str:
    """Return a text that does nothing to the terminal or the page that shows it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _some(places: Sequence[str]) -> str:
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return ", ".join(places[:3]) + more


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        rule = re.compile(pattern)
    except re.error as error:
        raise CourseError(f"student pattern {pattern!r}: {error}") from None
    if not rule.groups:
        raise CourseError(f"student pattern {pattern!r} has no group; e.g. '^([^_/]+)_'")
    return rule


def _files(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Yield what is handed in below a folder; a link is a file, and is not followed."""
    try:
        entries = [e for e in os.scandir(folder) if e.name[0] != "." and e.name not in JUNK]
    except OSError:
        entries, depth = [], MAX_DEPTH
    if depth == MAX_DEPTH:  # cannot be read, or goes on and on: one row, and no notebook
        yield folder
        return
    files = []
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), depth + 1)
        else:
            files.append(Path(entry.path))
    notebooks = [path for path in files if path.suffix.lower() == ".ipynb"]
    yield from notebooks if notebooks and depth else files


def _submitted(
    path: Path, inside: Path, names: Sequence[str], rule: re.Pattern[str] | None
) -> tuple[str, Submitted]:
    """Return a submission, and the student as the path has it."""
    raw = os.fsencode(inside)
    place = printable(raw.decode("utf-8", "backslashreplace"))
    stem, flags = Path(place).stem, []
    if rule is not None:
        match = rule.search(place)
        name = (match[1] or "") if match else ""
        if not identifier(name):
            flags.append("the student pattern does not match")
    elif len(inside.parts) > 1:
        name = Path(place).parts[0]
    else:
        name = _without(COPY.sub("", stem), names)
        if not identifier(name):
            flags.append(NO_STUDENT)
    digest = hashlib.sha256(raw).hexdigest()
    name = next(filter(identifier, (name, stem)), digest[:8])
    student = identifier(name)
    return name.strip(EDGES), Submitted(
        student=student,
        path=path,
        place=place,
        key=f"{student}-{digest[:12]}",
        timestamp=_timestamp(path.parent / TIMESTAMP),
        flags=tuple(flags),
    )


def _without(stem: str, names: Sequence[str]) -> str:
    for name in names:
        start = stem.lower().find(name)
        if start >= 0:
            return COPY.sub("", stem[:start] + stem[start + len(name) :])
    return stem


def _timestamp(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.readline(60).strip()
    except (OSError, ValueError):
        return ""
    return text if DATE.fullmatch(text) else ""


def _distinct(named: Sequence[tuple[str, Submitted]]) -> Iterator[Submitted]:
    """Tell apart students whose names became one, and remark on those that look like one."""
    names: dict[str, set[str]] = {}
    spellings: dict[str, set[str]] = {}
    for name, one in named:
        names.setdefault(one.student, set()).add(name)
        spellings.setdefault(one.student.casefold(), set()).add(one.student)
    for name, one in named:
        if len(names[one.student]) > 1 and name != one.student:
            digest = hashlib.sha256(name.encode()).hexdigest()[:6]
            flag = f"the name {name!r} was changed, to tell it from another"
            one = replace(one, student=f"{one.student}-{digest}", flags=(*one.flags, flag))
        others = spellings[one.student.casefold()] - {one.student} if name == one.student else ()
        if others:
            flag = f"the name differs from {', '.join(sorted(others))} in capitals only"
            one = replace(one, flags=(*one.flags, flag))
        yield one
