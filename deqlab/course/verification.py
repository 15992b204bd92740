"""Prove an exercise before it is released: its stub fails, its solution passes, mutants are caught.

The questions of an exercise are independent, so the n-th variants (`deqlab.course.variants`) of all
questions run in one notebook.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from deqlab.course.assembly import reference_answers
from deqlab.course.collecting import Reference, collect, run_reference
from deqlab.course.exercise import Exercise
from deqlab.course.following import Limits
from deqlab.course.grading import judge_all
from deqlab.course.judging import Judgement
from deqlab.course.outcomes import Outcome
from deqlab.course.releasing import stub
from deqlab.course.variants import Variant, read_variants

LIMITS = Limits(cell_seconds=15.0)


@dataclass
class Verification:
    """What `verify` found: a report, and the reasons to refuse."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def verify(exercise: Exercise, folder: Path, *, seed: int = 0) -> Verification:
    """Run the solution, the stubs and every variant of an exercise through the grader.

    Parameters
    ----------
    exercise : Exercise
    folder : Path
        Of variants.
    seed : int
        Of the hidden inputs.

    Returns
    -------
    Verification
        ``problems`` is empty if and only if the exercise may be released.
    """
    found = Verification()
    variants = [read_variants(folder, question) for question in exercise.questions]
    reference = run_reference(exercise, seed=seed, limits=LIMITS)
    solution = reference_answers(exercise)
    stubs = {
        question.grade_id: stub(question.answer.source, question.grade_id)
        for question in exercise.questions
    }
    found.lines.append(f"{exercise.name}: {len(exercise.questions)} questions")
    _verify_ends(exercise, solution, stubs, reference, seed, found)
    for batch in zip_longest(*variants):
        answers = solution | {variant.grade_id: variant.source for variant in batch if variant}
        judgements = grade_answers(exercise, answers, reference, seed)
        for variant in filter(None, batch):
            _verify_variant(variant, judgements[variant.grade_id], found)
    return found


def grade_answers(
    exercise: Exercise, answers: dict[str, str], reference: Reference, seed: int
) -> dict[str, Judgement]:
    """Judge answers given as sources."""
    collected = collect(exercise, answers, seed=seed, limits=LIMITS)
    return judge_all(exercise, collected, reference)


def _verify_ends(
    exercise: Exercise,
    solution: dict[str, str],
    stubs: dict[str, str],
    reference: Reference,
    seed: int,
    found: Verification,
) -> None:
    for what, answers, passes in (("solution", solution, True), ("stub", stubs, False)):
        collected = collect(exercise, answers, seed=seed, limits=LIMITS)
        for grade_id, judgement in judge_all(exercise, collected, reference).items():
            if passes != (judgement.outcome is Outcome.OK) or (judgement.points and not passes):
                found.problems.append(
                    f"{grade_id}: the {what} is {judgement.outcome}, "
                    f"{judgement.points:g} of {judgement.max_points:g} points: {judgement.message}"
                )
            if collected.checks.get(grade_id) is not passes:
                verb = "fails" if passes else "passes"
                found.problems.append(f"{grade_id}: the {what} {verb} the public check")


def _verify_variant(variant: Variant, judgement: Judgement, found: Verification) -> None:
    found.lines.append(
        f"  {variant.grade_id}/{variant.name}: {judgement.outcome}, "
        f"{judgement.points:g} of {judgement.max_points:g}"
    )
    if variant.right and judgement.outcome is not Outcome.OK:
        found.problems.append(
            f"{variant.grade_id}/{variant.name} is right and gets {judgement.points:g} of "
            f"{judgement.max_points:g} points: {judgement.message}"
        )
    if not variant.right and judgement.outcome is Outcome.OK:
        found.problems.append(
            f"{variant.grade_id}/{variant.name} ({variant.mistake}) gets full points: "
            "the scored cell does not tell it from the solution"
        )
