"""The second phase of grading: compare a record with the references, running no student code."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deqlab.course.collecting import Collected, Reference
from deqlab.course.exercise import Exercise
from deqlab.course.following import CellEnd, Limits
from deqlab.course.judging import Judgement, judge
from deqlab.course.outcomes import Outcome
from deqlab.course.references import References, run_references
from deqlab.course.sandbox import Isolation
from deqlab.course.submitting import collect_submission


@dataclass(frozen=True, kw_only=True)
class Grade:
    """The grade of one submission.

    Parameters
    ----------
    exercise : str
    submission : str
        Name of the file.
    sha256 : str or None
        Of the file, None if it was not read.
    seed : int
    isolation : str
        Level at which it was run.
    not_enforced : tuple of str
        What that level does not hold back.
    judgements : dict of str to Judgement
        By grade_id, in the order of the exercise.
    checks : dict of str to bool
        Public checks that ran; not scored.
    flags : dict of str to list of str
        Remarks by grade_id; ``""`` for the whole notebook.
    question_seconds : dict of str to float
        Wall time of each question's cells.
    seconds : float
        Wall time of the run.
    """

    exercise: str
    submission: str
    sha256: str | None
    seed: int
    isolation: str
    not_enforced: tuple[str, ...]
    judgements: dict[str, Judgement]
    checks: dict[str, bool]
    flags: dict[str, list[str]]
    question_seconds: dict[str, float]
    seconds: float

    @property
    def points(self) -> float:
        """Total points."""
        return sum(judgement.points for judgement in self.judgements.values())

    @property
    def max_points(self) -> float:
        """Points of the exercise."""
        return sum(judgement.max_points for judgement in self.judgements.values())


def judge_submission(
    record: Mapping[str, Any], exercise: Exercise, references: References
) -> Grade:
    """Judge what a submission's run gave.

    Parameters
    ----------
    record : mapping
        From `deqlab.course.submitting.collect_submission`.
    exercise : Exercise
    references : References
        Of this exercise and the record's seed.

    Returns
    -------
    Grade
        Determined by the arguments.

    Raises
    ------
    ValueError
        If the record is of another exercise, release or seed than the references.
    """
    told = (record["exercise"], record["digest"], record["seed"])
    if told != (exercise.name, exercise.digest(), references.seed):
        raise ValueError(
            f"a record of exercise, release and seed {told} cannot be judged by "
            f"{(exercise.name, exercise.digest(), references.seed)}; collect it again"
        )
    judgements, flags = {}, {key: list(notes) for key, notes in record["flags"].items()}
    for question in exercise.questions:
        grade_id = question.grade_id
        if record["problem"]:
            outcome, text = Outcome.UNREADABLE, record["problem"]
            judgements[grade_id] = Judgement(outcome, 0.0, question.points, text, text)
            continue
        entry = record["questions"][grade_id]
        judgements[grade_id] = judge(
            question,
            references.values[grade_id],
            entry["payloads"],
            CellEnd(**entry["end"]),
            blank=entry["blank"],
            mistakes=references.mistakes.get(grade_id, ()),
        )
    questions = record["questions"]
    return Grade(
        exercise=exercise.name,
        submission=record["submission"]["name"],
        sha256=record["submission"]["sha256"],
        seed=record["seed"],
        isolation=record["isolation"],
        not_enforced=tuple(record["not_enforced"]),
        judgements=judgements,
        checks={key: q["check"] for key, q in questions.items() if q["check"] is not None},
        flags=flags,
        question_seconds={key: q["seconds"] for key, q in questions.items()},
        seconds=record["seconds"],
    )


def grade_submission(
    path: Path | str,
    exercise: Exercise,
    *,
    seed: int | None = None,
    limits: Limits | None = None,
    isolation: Isolation | str | None = None,
    variants: Path | None = None,
    references: References | None = None,
) -> Grade:
    """Grade one file: run it, then the references, then compare.

    Parameters
    ----------
    path : path-like
        Whatever was handed in.
    exercise : Exercise
    seed : int, optional
        Of the hidden inputs; random by default.
    limits : Limits, optional
    isolation : Isolation or str, optional
        The best level that works here by default.
    variants : Path, optional
        Folder of known mistakes; without it they are not named.
    references : References, optional
        With the same seed; they then exist while the student's code runs.

    Returns
    -------
    Grade

    Raises
    ------
    CourseError
        If the instructor's side fails: a sandbox that does not work, a solution that raises. A
        submission never raises.
    """
    seed = secrets.randbelow(2**31) if seed is None else seed
    how: dict[str, Any] = {"seed": seed, "limits": limits, "isolation": isolation}
    record = collect_submission(path, exercise, **how)
    if references is None:
        references = run_references(exercise, [record], variants=variants, **how)
    return judge_submission(record, exercise, references)


def judge_all(
    exercise: Exercise,
    collected: Collected,
    reference: Reference,
    *,
    blank: Collection[str] = (),
) -> dict[str, Judgement]:
    """Judge every question of an exercise; see `deqlab.course.judging.judge`."""
    return {
        question.grade_id: judge(
            question,
            reference[question.grade_id],
            collected.payloads.get(question.grade_id, []),
            collected.ends[question.grade_id],
            blank=question.grade_id in blank,
        )
        for question in exercise.questions
    }
