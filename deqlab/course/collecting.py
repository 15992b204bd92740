"""Run answers and collect what they emit, again without an answer that stopped the run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from deqlab.course.assembly import Assembled, assemble, given_sources, reference_answers
from deqlab.course.errors import CourseError
from deqlab.course.exercise import Exercise, Role
from deqlab.course.following import CellEnd, Limits, Run
from deqlab.course.judging import decode_all
from deqlab.course.matching import defined
from deqlab.course.reaching import reaches_out
from deqlab.course.running import run_notebook
from deqlab.course.sandbox import Isolation
from deqlab.course.values import Value

Reference = dict[str, dict[str, Value]]  # grade_id -> name -> value


@dataclass
class Collected:
    """What a submission's runs gave, before anything is compared.

    Parameters
    ----------
    payloads : dict of str to list
        Untrusted values of each question's scored cell.
    ends : dict of str to CellEnd
        How the cells of each question ended.
    checks : dict of str to bool
        Whether the public check passed, where it ran; for information only.
    seconds : dict of str to float
        Wall time of each question's cells.
    """

    payloads: dict[str, list[Any]] = field(default_factory=dict)
    ends: dict[str, CellEnd] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def collect(
    exercise: Exercise,
    answers: Mapping[str, str],
    *,
    seed: int,
    limits: Limits,
    isolation: Isolation | str | None = None,
    checks: bool = True,
) -> Collected:
    """Run answers and collect their values.

    A run that stops (timeout, dead kernel, no memory) is repeated in a fresh kernel without the
    answer that stopped it and without the questions that are settled. What failed after another
    answer had run (which may have taken a name away, or left a thread behind) is run once more
    without that answer, and an answer that reaches beyond its own names is run alone: so that no
    answer costs another question.

    Parameters
    ----------
    exercise : Exercise
    answers : mapping of str to str
        Source by grade_id.
    seed : int
    limits : Limits
    isolation : Isolation or str, optional
        The best level that works here by default.
    checks : bool
        Whether public checks are run.

    Returns
    -------
    Collected
    """
    collected, names = Collected(), [question.grade_id for question in exercise.questions]

    def run_without(left_out: Collection[str]) -> list[str]:
        """Settle all other questions; return those that an answer before them may have spoilt."""
        stopped, doubtful = set(left_out), []
        while unsettled := set(names) - set(left_out) - collected.ends.keys():
            settled = set(names) - unsettled - stopped
            assembled = assemble(exercise, answers, stopped=stopped, settled=settled, checks=checks)
            run = run_notebook(assembled.notebook, seed=seed, limits=limits, isolation=isolation)
            culprit = _culprit(assembled, run, stopped)
            _gather(collected, assembled, run, culprit)
            for i, name in enumerate(names):
                before = set(names[:i]) - stopped
                if name in unsettled and before and _failed(collected.ends.get(name)):
                    doubtful.append(name)
            if culprit is None:
                break
            stopped.add(culprit)
        return doubtful

    given = set[str]().union(*(defined(source) or () for source in given_sources(exercise)))
    apart = [name for name in names if reaches_out(answers[name], given)]
    doubtful = run_without(apart)
    for name in apart:
        run_without(set(names) - {name})
    while doubtful:
        for name in doubtful:
            del collected.ends[name]
        doubtful = run_without(set(names) - set(doubtful))
    return collected


def _failed(end: CellEnd | None) -> bool:
    return end is not None and end.status != "passed" and end.ename != "NotImplementedError"


def run_reference(
    exercise: Exercise,
    *,
    seed: int,
    limits: Limits,
    isolation: Isolation | str | None = None,
) -> Reference:
    """Run the instructor's solution as a submission is run and return what it emits.

    Its public checks are left out: the release has proved them.

    Raises
    ------
    CourseError
        If a question's cells do not pass, or emit nothing.
    """
    collected = collect(
        exercise,
        reference_answers(exercise),
        seed=seed,
        limits=limits,
        isolation=isolation,
        checks=False,
    )
    reference = {}
    for question in exercise.questions:
        end = collected.ends[question.grade_id]
        values = decode_all(collected.payloads.get(question.grade_id, []))
        if end.status != "passed" or not values:
            raise CourseError(
                f"{exercise.path}: the solution of {question.grade_id} {end.status} "
                f"({end.ename}: {end.evalue}) and emitted {len(values)} values"
            )
        reference[question.grade_id] = values
    return reference


def _culprit(assembled: Assembled, run: Run, stopped: Collection[str]) -> str | None:
    """Return the question whose code stopped the run: that of the cell, else of the answer before.

    The second case is a given cell, or a stub, in which something that an earlier answer left
    behind (a patched function, a thread) stopped the run.
    """
    cell_id = run.stopped_in()
    if cell_id is None:
        return None
    _, own = assembled.roles.get(cell_id, (None, ""))
    if own and own not in stopped:
        return own
    before: list[str] = []
    for cell in assembled.notebook.cells:
        if cell.id == cell_id:
            break
        kind, grade_id = assembled.roles.get(cell.id, (None, ""))
        if kind is Role.ANSWER and grade_id not in stopped:
            before.append(grade_id)
    if not before:
        raise CourseError(f"a given cell ({cell_id}) stopped the run: {run.ends[cell_id]}")
    return before[-1]


def _gather(collected: Collected, assembled: Assembled, run: Run, culprit: str | None) -> None:
    """Add what a run gave on the questions that it settles."""
    ends: dict[str, dict[Role, CellEnd]] = {}
    scored: dict[str, str] = {}
    for cell_id, (kind, grade_id) in assembled.roles.items():
        if cell_id in run.ends:
            ends.setdefault(grade_id, {})[kind] = run.ends[cell_id]
        if kind is Role.SCORED:
            scored[grade_id] = cell_id
    for grade_id, cell_id in scored.items():
        cells = ends.get(grade_id, {})
        if Role.SCORED not in cells and grade_id != culprit:
            continue
        if Role.CHECK in cells:
            collected.checks[grade_id] = cells[Role.CHECK].status == "passed"
        collected.payloads[grade_id] = [value for cell, value in run.values if cell == cell_id]
        collected.ends[grade_id] = _worst(cells, run, culprit == grade_id)
        collected.seconds[grade_id] = sum(
            run.seconds.get(cell, 0.0)
            for cell, (_, owner) in assembled.roles.items()
            if owner == grade_id
        )


def _worst(cells: Mapping[Role, CellEnd], run: Run, is_culprit: bool) -> CellEnd:
    if is_culprit:
        return run.ends[str(run.stopped_in())]
    if Role.ANSWER in cells and cells[Role.ANSWER].status != "passed":
        return cells[Role.ANSWER]
    return cells[Role.SCORED]
