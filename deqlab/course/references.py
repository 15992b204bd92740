"""What submissions are compared with: the solution's values, and those of known mistakes.

Both are computed when all student code of the exercise has run, and are never written to disk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from deqlab.course.assembly import reference_answers
from deqlab.course.collecting import Reference, collect, run_reference
from deqlab.course.exercise import Exercise
from deqlab.course.following import CellEnd, Limits
from deqlab.course.judging import ForgedError, Mistake, decode_all, judge
from deqlab.course.outcomes import Outcome
from deqlab.course.sandbox import Isolation
from deqlab.course.variants import read_variants


@dataclass(frozen=True)
class References:
    """What the submissions of one exercise and seed are compared with.

    Parameters
    ----------
    exercise : str
    seed : int
    values : dict of str to dict
        The solution's values by name, by grade_id.
    mistakes : mapping of str to tuple of Mistake
        By grade_id.
    """

    exercise: str
    seed: int
    values: Reference
    mistakes: Mapping[str, tuple[Mistake, ...]] = field(default_factory=dict)


def run_references(
    exercise: Exercise,
    records: Iterable[Mapping[str, Any]],
    *,
    seed: int,
    limits: Limits | None = None,
    isolation: Isolation | str | None = None,
    variants: Path | None = None,
) -> References:
    """Run the solution, and the known mistakes of the questions that somebody got wrong.

    Parameters
    ----------
    exercise : Exercise
    records : iterable of dict
        Those of `deqlab.course.submitting.collect_submission`, all of them.
    seed : int
        That of the records.
    limits : Limits, optional
    isolation : Isolation or str, optional
    variants : Path, optional
        Folder with ``GRADE_ID/mutant-*.py``; where there is none, mistakes are not named.

    Returns
    -------
    References

    Raises
    ------
    CourseError
        If the solution does not run, or a variant is not as `deqlab.course` describes.
    """
    limits = limits or Limits()
    values = run_reference(exercise, seed=seed, limits=limits, isolation=isolation)
    if variants is None:
        return References(exercise.name, seed, values)
    wrong = _wrong(exercise, records, values)
    mistakes = _run_mistakes(exercise, variants, wrong, seed, limits, isolation)
    return References(exercise.name, seed, values, mistakes)


def _wrong(exercise: Exercise, records: Iterable[Mapping[str, Any]], values: Reference) -> set[str]:
    """Return the questions of which a record has values that do not all agree."""
    wrong: set[str] = set()
    for record in records:
        for question in exercise.questions:
            grade_id = question.grade_id
            if grade_id in wrong or grade_id not in record["questions"]:
                continue
            entry = record["questions"][grade_id]
            end = CellEnd(**entry["end"])
            judgement = judge(question, values[grade_id], entry["payloads"], end)
            if judgement.outcome in (Outcome.WRONG, Outcome.PARTLY):
                wrong.add(grade_id)
    return wrong


def _run_mistakes(
    exercise: Exercise,
    folder: Path,
    wrong: Collection[str],
    seed: int,
    limits: Limits,
    isolation: Isolation | str | None,
) -> dict[str, tuple[Mistake, ...]]:
    """Run the mutants of some questions, the n-th of all questions in one notebook."""
    mutants = [
        [variant for variant in read_variants(folder, question) if not variant.right]
        for question in exercise.questions
        if question.grade_id in wrong and (folder / question.grade_id).is_dir()
    ]
    mistakes: dict[str, list[Mistake]] = {}
    for batch in zip_longest(*mutants):
        present = [variant for variant in batch if variant]
        answers = reference_answers(exercise) | {v.grade_id: v.source for v in present}
        collected = collect(
            exercise, answers, seed=seed, limits=limits, isolation=isolation, checks=False
        )
        for variant in present:
            try:
                values = decode_all(collected.payloads.get(variant.grade_id, []))
            except ForgedError:
                continue
            mistake = Mistake(variant.mistake, variant.hint, values)
            mistakes.setdefault(variant.grade_id, []).append(mistake)
    return {grade_id: tuple(found) for grade_id, found in mistakes.items()}
