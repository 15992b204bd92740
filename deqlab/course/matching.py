"""Find the answers in what was handed in: by grade_id, then cell id, then order and similarity.

Finding the wrong cell can cost nothing: points come from values alone, and a question whose answer
is not found has none. So the last resort may be generous, and is flagged.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

from nbformat import NotebookNode

from deqlab.course.exercise import Exercise, Question
from deqlab.course.ingest import Cell, Ingested
from deqlab.course.releasing import release

SIMILAR = 0.5
"""Share of a stub's text that a cell must hold to be taken for its answer. An answer is written
into its stub, so it holds most of it; the stubs of two questions share little but ``return`` and
blank lines. (Over all exercises the tests find answers above this and other questions' below.)"""


@dataclass(frozen=True)
class Submission:
    """The answers of one submission.

    Parameters
    ----------
    answers : dict of str to str
        Source of each answer cell, by grade_id; the stub where none was found.
    blank : frozenset of str
        Questions whose answer is missing or still the stub.
    flags : dict of str to list of str
        Remarks for the report by grade_id; ``""`` for the whole notebook.
    """

    answers: dict[str, str]
    blank: frozenset[str]
    flags: dict[str, list[str]] = field(default_factory=dict)


def find_answers(found: Ingested, exercise: Exercise) -> Submission:
    """Find the answers to an exercise.

    Of several cells for one question the last that differs from the stub counts, as it would in a
    run from top to bottom; if the answer was split, its parts are joined. A Markdown cell with
    Python in it, as it comes from a slip of the keyboard, counts if there is no code cell.

    Parameters
    ----------
    found : Ingested
        Without a problem.
    exercise : Exercise

    Returns
    -------
    Submission
    """
    released = {cell.id: cell for cell in release(exercise).cells}
    flags: dict[str, list[str]] = {"": list(found.remarks)}
    if found.exercise and found.exercise != exercise.name:
        flags[""].append(f"this is the notebook of {found.exercise}, not of {exercise.name}")
    elif found.digest and found.digest != exercise.digest():
        flags[""].append(f"made for another release ({found.digest[:16]}) of {exercise.name}")
    answers, blank = {}, set()
    recovered = _recover(found.cells, exercise, released)
    for question in exercise.questions:
        grade_id, stub = question.grade_id, released[question.answer.id].source
        notes = flags.setdefault(grade_id, [])
        source = _answer(found.cells, question, stub, notes)
        if source is None and grade_id in recovered:
            source = recovered[grade_id].source
            notes.append("recovered: the cell's marks were lost; found by its place or its text")
        answers[grade_id] = stub if source is None else source
        if source is None or same(source, stub):
            blank.add(grade_id)
        _note_check(found.cells, released[question.check.id], grade_id, notes)
    return Submission(answers, frozenset(blank), {key: n for key, n in flags.items() if n})


def _answer(cells: Sequence[Cell], question: Question, stub: str, notes: list[str]) -> str | None:
    """Return the answer in the cells that carry the question's grade_id or id, None if none do."""
    marked = [cell for cell in cells if cell.grade_id == question.grade_id]
    if not marked:
        marked = [cell for cell in cells if cell.id == question.answer.id]
        if marked:
            notes.append("answer found by its cell id; its metadata was lost")
    code = [cell.source for cell in marked if cell.kind == "code"]
    if marked and not code:
        written = [cell.source for cell in marked if defined(cell.source) is not None]
        counts = "the code in it counts" if written else "there is no code in it"
        notes.append(f"the answer cell is no code cell any more; {counts}")
        return written[-1] if written else None
    if not code:
        return None
    written = [source for source in code if not same(source, stub)]
    if len(code) > 1:
        if _is_split(written, stub):
            notes.append(f"{len(code)} answer cells; what was split is joined")
            return "\n\n".join(written)
        notes.append(f"{len(code)} answer cells; the last one that was edited counts")
    return written[-1] if written else stub


def _is_split(sources: Sequence[str], stub: str) -> bool:
    """Return whether the last cell lacks a name of the stub that the earlier ones define."""
    wanted = defined(stub) or set()
    last = (defined(sources[-1]) or set()) if sources else set()
    everything = set().union(*(defined(source) or set() for source in sources))
    return bool(wanted - last) and wanted & everything > wanted & last


def _recover(
    cells: Sequence[Cell], exercise: Exercise, released: dict[str, NotebookNode]
) -> dict[str, Cell]:
    """Return answers among the cells without marks: those before their check, then similar ones."""
    known = {cell.source.strip() for cell in released.values()}
    ids = {question.answer.id for question in exercise.questions}
    grade_ids = {question.grade_id for question in exercise.questions}
    loose = [
        cell
        for cell in cells
        if cell.kind == "code"
        and cell.id not in ids
        and cell.grade_id not in grade_ids
        and cell.source.strip() not in known
    ]
    recovered: dict[str, Cell] = {}
    ratios = []
    for question in exercise.questions:
        stub = released[question.answer.id].source
        for cell in loose:
            ratios.append((similarity(stub, cell.source), question.grade_id, cell))
    for ratio, grade_id, cell in sorted(ratios, key=lambda entry: -entry[0]):
        taken = any(cell is other for other in recovered.values())
        if ratio >= SIMILAR and grade_id not in recovered and not taken:
            recovered[grade_id] = cell
    for question in exercise.questions:
        check = question.check.source
        for before, after in pairwise(cells):
            free = any(before is cell for cell in loose)
            if free and before not in recovered.values() and same(after.source, check):
                recovered.setdefault(question.grade_id, before)
    return recovered


def similarity(stub: str, source: str) -> float:
    """Return the share of a stub's text, line by line, that a source holds in the same order.

    Parameters
    ----------
    stub, source : str

    Returns
    -------
    float
        In [0, 1]; the line that raises ``NotImplementedError`` does not count.
    """
    ours, theirs = _lines(stub), _lines(source)
    whole = sum(map(len, ours))
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    shared = sum(len(ours[i]) for block in blocks for i in range(block.a, block.a + block.size))
    return shared / whole if whole else 0.0


def _lines(source: str) -> list[str]:
    lines = (line.strip() for line in source.splitlines())
    return [line for line in lines if line and "NotImplementedError" not in line]


def _note_check(
    cells: Sequence[Cell], check: NotebookNode, grade_id: str, notes: list[str]
) -> None:
    seen = [cell for cell in cells if cell.grade_id == f"{grade_id}-check" or cell.id == check.id]
    if not any(same(cell.source, check.source) for cell in seen or cells):
        done = "edited" if seen else "deleted"
        notes.append(f"the public check was {done}; the original was used")


def same(a: str, b: str) -> bool:
    """Return whether two texts are the same but for white space at the ends of lines."""
    return [line.rstrip() for line in a.strip().splitlines()] == [
        line.rstrip() for line in b.strip().splitlines()
    ]


def defined(source: str) -> set[str] | None:
    """Return the names that a source binds at its top level, None if it is not Python."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = set()
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.add(statement.name)
        else:
            stores = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
            names |= {node.id for node in stores if isinstance(node.ctx, ast.Store)}
    return names
