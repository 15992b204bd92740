"""Put a submission's answers into the instructor's notebook, and nothing else of the student's."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from deqlab.course.exercise import SOLUTION, UNGRADED, Exercise, Role, tags
from deqlab.course.releasing import release

CHECK_OUTPUT = "nbval-check-output"
STUB = 'raise NotImplementedError("this answer was stopped and is left out")'


@dataclass(frozen=True)
class Submission:
    """The answers of one submission.

    Parameters
    ----------
    answers : dict of str to str
        Source of each answer cell that was found, by grade_id.
    blank : frozenset of str
        Questions whose answer is missing or still the stub.
    flags : dict of str to list of str
        Remarks for the report by grade_id; ``""`` for the whole notebook.
    """

    answers: dict[str, str]
    blank: frozenset[str]
    flags: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Assembled:
    """A notebook ready to run, and what its cells are for.

    Parameters
    ----------
    notebook : NotebookNode
        Code cells only, without metadata that would tell a reader anything.
    roles : dict of str to tuple
        ``(role, grade_id)`` by cell id; given cells are absent.
    """

    notebook: NotebookNode
    roles: dict[str, tuple[Role, str]]


def read_submission(path: Path | str, exercise: Exercise) -> Submission:
    """Read the answers from a student's notebook.

    Cells are matched by the grade_id in their metadata, else by cell id. Of several cells for one
    question the last that differs from the stub counts, as it would in a run from top to bottom.

    Parameters
    ----------
    path : path-like
    exercise : Exercise

    Returns
    -------
    Submission

    Raises
    ------
    UnreadableSubmissionError
        Whatever is wrong with the file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cells without an id are as good as others
            notebook = nbformat.reads(text, as_version=4)
        cells = [_plain(cell) for cell in notebook.cells]
    except Exception as error:
        raise UnreadableSubmissionError(f"{type(error).__name__}: {str(error)[:200]}") from error
    released = release(exercise)
    flags: dict[str, list[str]] = {}
    digest = _deqlab(notebook).get("digest")
    if digest not in (None, exercise.digest()):
        flags[""] = [f"made for another release ({str(digest)[:16]}) of {exercise.name}"]
    answers, blank = {}, set()
    for question in exercise.questions:
        grade_id = question.grade_id
        stub = next(c for c in released.cells if c.id == question.answer.id).source
        notes = flags.setdefault(grade_id, [])
        found = [c for c in cells if c.grade_id == grade_id and c.kind == "code"]
        if not found:
            found = [c for c in cells if c.id == question.answer.id and c.kind == "code"]
            if found:
                notes.append("answer found by its cell id; its metadata was lost")
        written = [c for c in found if not _same(c.source, stub)]
        if len(found) > 1:
            notes.append(f"{len(found)} answer cells; the last one that was edited counts")
        if written:
            answers[grade_id] = written[-1].source
        else:
            answers[grade_id] = stub
            blank.add(grade_id)
        check = next(c for c in released.cells if c.id == question.check.id)
        seen = [c for c in cells if c.grade_id == f"{grade_id}-check" or c.id == check.id]
        if not any(_same(c.source, check.source) for c in seen):
            done = "edited" if seen else "deleted"
            notes.append(f"the public check was {done}; the original was used")
    return Submission(answers, frozenset(blank), {key: n for key, n in flags.items() if n})


class UnreadableSubmissionError(ValueError):
    """The file is not a notebook."""


@dataclass(frozen=True)
class _Cell:
    kind: str
    id: str
    grade_id: str
    source: str


def _plain(cell: NotebookNode) -> _Cell:
    metadata = cell.get("metadata", {}).get("nbgrader")
    grade_id = metadata.get("grade_id", "") if isinstance(metadata, dict) else ""
    return _Cell(str(cell.cell_type), str(cell.get("id", "")), str(grade_id), str(cell.source))


def _deqlab(notebook: NotebookNode) -> Mapping[str, object]:
    metadata = notebook.metadata.get("deqlab")
    return metadata if isinstance(metadata, dict) else {}


def _same(a: str, b: str) -> bool:
    return [line.rstrip() for line in a.strip().splitlines()] == [
        line.rstrip() for line in b.strip().splitlines()
    ]


def reference_answers(exercise: Exercise) -> dict[str, str]:
    """Return the instructor's answers, as a submission would hold them."""
    return {question.grade_id: question.answer.source for question in exercise.questions}


def assemble(
    exercise: Exercise,
    answers: Mapping[str, str],
    *,
    stopped: Collection[str] = (),
    settled: Collection[str] = (),
    checks: bool = True,
) -> Assembled:
    """Assemble the notebook that is run.

    Parameters
    ----------
    exercise : Exercise
    answers : mapping of str to str
        Answer source by grade_id; the only text that is not the instructor's.
    stopped : collection of str
        Questions that stopped an earlier run: a raising stub stands for their answer and their
        check and scored cells are left out.
    settled : collection of str
        Questions judged in an earlier run: their check and scored cells are left out.
    checks : bool
        Whether public checks are run.

    Returns
    -------
    Assembled
    """
    cells, roles = [], {}
    for cell in exercise.notebook.cells:
        if cell.cell_type != "code" or SOLUTION in tags(cell):
            continue
        role = exercise.role(cell)
        if role is None:
            if UNGRADED not in tags(cell):
                cells.append(_given(cell))
            continue
        kind, grade_id = role
        done = grade_id in stopped or grade_id in settled
        if kind is Role.MEASURE or (done and kind is not Role.ANSWER):
            continue
        if kind is Role.CHECK and not checks:
            continue
        source = cell.source
        if kind is Role.ANSWER:
            source = STUB if grade_id in stopped else answers[grade_id]
        cells.append(new_code_cell(source, id=cell.id, metadata={"role": kind.value}))
        roles[cell.id] = role
    return Assembled(new_notebook(cells=cells), roles)


def _given(cell: NotebookNode) -> NotebookNode:
    """Return a given cell; only a cell whose output nbval compares keeps its output."""
    if CHECK_OUTPUT not in tags(cell):
        return new_code_cell(cell.source, id=cell.id, metadata={"role": "given"})
    return new_code_cell(
        cell.source,
        id=cell.id,
        metadata={"role": "given", "tags": [CHECK_OUTPUT]},
        outputs=cell.outputs,
        execution_count=1,
    )
