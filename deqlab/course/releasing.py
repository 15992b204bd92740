"""Make the notebook that students get from the solution: stubs for answers, nothing hidden left."""

from __future__ import annotations

import copy
import hashlib
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from deqlab.course.errors import CourseError
from deqlab.course.exercise import SOLUTION, Exercise, Role, tags

SCHEMA_VERSION = 1
KEEP_OUTPUT = "keep-output"  # tag: a given cell whose stored output students may see
CODE_REGION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION[ \t]*\n.*?^[ \t]*### END SOLUTION[ \t]*(?:\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
TEXT_REGION = re.compile(r"<!-- BEGIN SOLUTION -->.*?<!-- END SOLUTION -->\n?", re.DOTALL)
MARKER = re.compile(r"(BEGIN|END) SOLUTION")


def release(exercise: Exercise) -> NotebookNode:
    """Return the notebook for students.

    Solution regions become stubs, scored and measure cells and cells tagged ``solution`` are left
    out, outputs are dropped except those of cells tagged ``keep-output``, and the metadata is that
    of nbgrader (schema version 3, with checksums), so that nbgrader takes the notebook as it is.

    Parameters
    ----------
    exercise : Exercise

    Returns
    -------
    NotebookNode
        Deterministic: ids are those of the solution's cells.

    Raises
    ------
    CourseError
        If a solution region is missing, not closed, or would survive.
    """
    notebook = copy.deepcopy(exercise.notebook)
    notebook.cells = []
    for cell in exercise.notebook.cells:
        released = _release_cell(exercise, copy.deepcopy(cell))
        if released is not None:
            notebook.cells.append(released)
    notebook.metadata["deqlab"] = {
        "exercise": exercise.name,
        "digest": exercise.digest(),
        "schema_version": SCHEMA_VERSION,
    }
    return notebook


def released_path(exercise: Exercise, folder: Path | str) -> Path:
    """Return where an exercise is released to."""
    return Path(folder) / f"{exercise.name}.ipynb"


def released_text(exercise: Exercise) -> str:
    """Return the released notebook as the text of its file."""
    return str(nbformat.writes(release(exercise))) + "\n"


def stub(source: str, grade_id: str) -> str:
    """Replace the solution regions of an answer cell by a line that raises NotImplementedError."""
    text, count = CODE_REGION.subn(
        lambda region: (
            f'{region["indent"]}raise NotImplementedError("{grade_id}: your answer goes here")\n'
        ),
        source,
    )
    if not count:
        raise CourseError(
            f"{grade_id}: the answer cell has no '### BEGIN SOLUTION' … '### END SOLUTION' region"
        )
    return text.rstrip("\n")


def _release_cell(exercise: Exercise, cell: NotebookNode) -> NotebookNode | None:
    if SOLUTION in tags(cell):
        return None
    if cell.cell_type != "code":
        cell.source = TEXT_REGION.sub("", cell.source).strip("\n")
        _refuse_markers(exercise, cell)
        return cell if cell.source.strip() else None
    role = exercise.role(cell)
    if role is None:
        _refuse_markers(exercise, cell)
        if KEEP_OUTPUT not in tags(cell):
            _clear(cell)
        return cell
    kind, grade_id = role
    if kind in (Role.SCORED, Role.MEASURE):
        return None
    _clear(cell)
    cell.metadata["deletable"] = False
    if kind is Role.ANSWER:
        cell.source = stub(cell.source, grade_id)
        cell.metadata["nbgrader"] = _metadata(grade_id, solution=True)
    else:
        points = next(q.points for q in exercise.questions if q.grade_id == grade_id)
        cell.metadata["editable"] = False
        cell.metadata["nbgrader"] = _metadata(f"{grade_id}-check", points=points)
    _refuse_markers(exercise, cell)
    cell.metadata["nbgrader"]["checksum"] = checksum(cell)
    return cell


def _clear(cell: NotebookNode) -> None:
    cell.outputs, cell.execution_count = [], None


def _refuse_markers(exercise: Exercise, cell: NotebookNode) -> None:
    if MARKER.search(cell.source):
        label = cell.metadata.get("label", cell.get("id"))
        raise CourseError(
            f"{exercise.path}: cell {label}: a solution marker would survive the release; regions "
            "belong in answer cells ('### BEGIN SOLUTION') or Markdown ('<!-- BEGIN SOLUTION -->')"
        )


def _metadata(
    grade_id: str, *, solution: bool = False, points: float | None = None
) -> dict[str, object]:
    graded = {} if points is None else {"points": points}
    return {
        "grade": points is not None,
        "grade_id": grade_id,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
        "cell_type": "code",
    } | graded


def checksum(cell: NotebookNode) -> str:
    """Return nbgrader's checksum of a cell (schema version 3).

    References
    ----------
    nbgrader, ``nbgrader.utils.compute_checksum``.
    """
    metadata = cell.metadata["nbgrader"]
    parts = [cell.source, cell.cell_type, metadata["grade"], metadata["solution"]]
    parts += [metadata["locked"], metadata["grade_id"]]
    parts += [float(metadata["points"])] if metadata["grade"] else []
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(str(part).encode("utf-8"))
    return digest.hexdigest()
