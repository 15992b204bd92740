"""Put a submission's answers into the instructor's notebook, and nothing else of the student's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from deqlab.course.exercise import SOLUTION, UNGRADED, Exercise, Role, tags

CHECK_OUTPUT = "nbval-check-output"
STUB = 'raise NotImplementedError("this answer was stopped and is left out")'


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


def reference_answers(exercise: Exercise) -> dict[str, str]:
    """Return the instructor's answers, as a submission would hold them."""
    return {question.grade_id: question.answer.source for question in exercise.questions}


def given_sources(exercise: Exercise) -> list[str]:
    """Return the sources of the code cells that every submission is given."""
    return [
        cell.source
        for cell in exercise.notebook.cells
        if cell.cell_type == "code" and exercise.role(cell) is None
    ]


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
