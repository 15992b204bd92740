"""An exercise as its author wrote it: the executed solution notebook, read and validated.

Cells carry a short form of nbgrader metadata (see `deqlab.course`); everything else is given to the
student as it stands.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from deqlab.course.errors import CourseError

SOLUTION_NAME = re.compile(r"sol(\d\d-[a-z0-9-]+)")
GRADE_ID = re.compile(r"[a-z0-9][a-z0-9-]*")
RTOL = 1e-6  # of a scored value, unless its cell says otherwise
UNGRADED = "ungraded"  # tag: a given cell that the graded run skips
SOLUTION = "solution"  # tag: a cell that only the solution has


class Role(StrEnum):
    """What a cell with a question is for."""

    ANSWER = "answer"
    CHECK = "check"
    SCORED = "scored"
    MEASURE = "measure"


KEYS = {
    Role.ANSWER: set(),
    Role.CHECK: set(),
    Role.SCORED: {"rtol", "atol"},
    Role.MEASURE: set(),
}


@dataclass(frozen=True, kw_only=True)
class Question:
    """One graded question.

    Parameters
    ----------
    grade_id : str
        Unique in the course.
    points : float
        What it is worth.
    rtol, atol : float
        Tolerances of its scored values.
    answer, check, scored : NotebookNode
        Its cells: what the student replaces, the public check, the hidden scored cell.
    measure : NotebookNode or None
        A cell that defines ``measure(name, value)``, run by the grader on every value before the
        comparison, for questions with more than one right answer.
    """

    grade_id: str
    points: float
    rtol: float
    atol: float
    answer: NotebookNode
    check: NotebookNode
    scored: NotebookNode
    measure: NotebookNode | None


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """A solution notebook with its questions, in the order of the notebook."""

    name: str
    path: Path
    notebook: NotebookNode
    questions: tuple[Question, ...]

    def role(self, cell: NotebookNode) -> tuple[Role, str] | None:
        """Return the role and grade_id of a cell, None for a given cell."""
        return _role(cell, self.path)

    def digest(self) -> str:
        """Return a hash of everything that decides a grade: the sources of all code cells."""
        sources = [cell.source for cell in self.notebook.cells if cell.cell_type == "code"]
        return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def read_exercise(path: Path | str) -> Exercise:
    """Read and validate a solution notebook.

    Parameters
    ----------
    path : path-like
        ``solNN-slug.ipynb``; the exercise is then called ``exNN-slug``.

    Returns
    -------
    Exercise

    Raises
    ------
    CourseError
        If the name, a cell's metadata or the set of cells of a question is not as described in
        `deqlab.course`; the message names the cell.
    """
    path = Path(path)
    named = SOLUTION_NAME.fullmatch(path.stem)
    if not named or path.suffix != ".ipynb":
        raise CourseError(f"{path}: a solution is called solNN-slug.ipynb, e.g. sol02-maps.ipynb")
    try:
        notebook = nbformat.read(str(path), as_version=4)
    except Exception as error:
        raise CourseError(f"{path}: not a notebook that can be read ({error})") from error
    return Exercise(
        name=f"ex{named[1]}",
        path=path,
        notebook=notebook,
        questions=tuple(_questions(notebook, path)),
    )


def _questions(notebook: NotebookNode, path: Path) -> Iterator[Question]:
    cells: dict[str, dict[Role, NotebookNode]] = {}
    for cell in notebook.cells:
        role = _role(cell, path)
        if role is None:
            continue
        kind, grade_id = role
        if kind in cells.setdefault(grade_id, {}):
            raise CourseError(f"{path}: question {grade_id} has two {kind.value} cells; join them")
        cells[grade_id][kind] = cell
    for grade_id, parts in cells.items():
        missing = {Role.ANSWER, Role.CHECK, Role.SCORED} - parts.keys()
        if missing:
            names = ", ".join(sorted(kind.value for kind in missing))
            raise CourseError(f"{path}: question {grade_id} has no cell for: {names}")
        scored = parts[Role.SCORED].metadata.nbgrader
        yield Question(
            grade_id=grade_id,
            points=_points(parts[Role.CHECK].source, grade_id, path),
            rtol=_tolerance(scored, "rtol", RTOL, path),
            atol=_tolerance(scored, "atol", 0.0, path),
            answer=parts[Role.ANSWER],
            check=parts[Role.CHECK],
            scored=parts[Role.SCORED],
            measure=parts.get(Role.MEASURE),
        )


def _role(cell: NotebookNode, path: Path) -> tuple[Role, str] | None:
    metadata = cell.metadata.get("nbgrader")
    if metadata is None:
        return None
    label = cell.metadata.get("label", cell.get("id", "?"))
    if cell.cell_type != "code":
        raise CourseError(f"{path}: cell {label}: only code cells are graded")
    kinds = [kind for kind in Role if kind.value in metadata]
    if len(kinds) != 1:
        raise CourseError(
            f"{path}: cell {label}: nbgrader metadata {dict(metadata)} must have exactly one of "
            f"the keys {', '.join(kind.value for kind in Role)}, with the grade_id as its value"
        )
    kind = kinds[0]
    unknown = metadata.keys() - KEYS[kind] - {kind.value}
    if unknown:
        raise CourseError(f"{path}: cell {label}: unknown nbgrader keys {sorted(unknown)}")
    grade_id = metadata[kind.value]
    if not isinstance(grade_id, str) or not GRADE_ID.fullmatch(grade_id):
        raise CourseError(f"{path}: cell {label}: grade_id {grade_id!r} is not lower-case-kebab")
    return kind, grade_id


def _points(source: str, grade_id: str, path: Path) -> float:
    """Return the points that a check cell gives: what its last line, ``check(...)``, says."""
    try:
        last = ast.parse(source).body[-1]
    except (SyntaxError, IndexError):
        last = None
    match last:
        case ast.Expr(
            value=ast.Call(
                func=ast.Name(id="check"), args=[ast.Constant(value=name), *_], keywords=keywords
            )
        ) if name == grade_id:
            for keyword in keywords:
                match keyword:
                    case ast.keyword(arg="points", value=ast.Constant(value=int() | float() as n)):
                        if n > 0:
                            return float(n)
    raise CourseError(
        f"{path}: the check cell of {grade_id} must end in check({grade_id!r}, ..., points=N) with "
        "a positive number N"
    )


def _tolerance(metadata: dict[str, Any], key: str, default: float, path: Path) -> float:
    value = metadata.get(key, default)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise CourseError(f"{path}: {key} is {value!r} in {dict(metadata)}; give a number >= 0")
    return number


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))
