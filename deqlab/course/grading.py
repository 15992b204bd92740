"""Grade one submission: run it, run the reference, compare."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from deqlab.course.assembly import UnreadableSubmissionError, read_submission
from deqlab.course.collecting import Collected, Reference, collect, run_reference
from deqlab.course.errors import CourseError
from deqlab.course.exercise import Exercise
from deqlab.course.following import Limits
from deqlab.course.judging import Judgement, judge
from deqlab.course.outcomes import Outcome


@dataclass(frozen=True, kw_only=True)
class Grade:
    """The grade of one submission.

    Parameters
    ----------
    exercise : str
    submission : str
        Name of the file.
    sha256 : str
        Of the file.
    seed : int
    judgements : dict of str to Judgement
        By grade_id, in the order of the exercise.
    checks : dict of str to bool
        Public checks that ran; not scored.
    flags : dict of str to list of str
        Remarks by grade_id; ``""`` for the whole notebook.
    seconds : float
        Wall time.
    """

    exercise: str
    submission: str
    sha256: str
    seed: int
    judgements: dict[str, Judgement]
    checks: dict[str, bool]
    flags: dict[str, list[str]]
    seconds: float

    @property
    def points(self) -> float:
        """Total points."""
        return sum(judgement.points for judgement in self.judgements.values())

    @property
    def max_points(self) -> float:
        """Points of the exercise."""
        return sum(judgement.max_points for judgement in self.judgements.values())


def grade_submission(
    path: Path | str,
    exercise: Exercise,
    *,
    seed: int | None = None,
    limits: Limits | None = None,
    reference: Reference | None = None,
) -> Grade:
    """Grade a student's notebook.

    The student's code runs first and the reference after it, so that no expected value exists
    anywhere while the student's code runs (unless ``reference`` is given).

    Parameters
    ----------
    path : path-like
    exercise : Exercise
    seed : int, optional
        Of the hidden inputs; random by default.
    limits : Limits, optional
    reference : dict, optional
        From `run_reference` with the same seed.

    Returns
    -------
    Grade

    Raises
    ------
    CourseError
        If the instructor's side fails: no such file, a sandbox that does not work, a solution
        that raises. A submission never raises.
    """
    path, started = Path(path), time.monotonic()
    seed = secrets.randbelow(2**31) if seed is None else seed
    limits = limits or Limits()
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CourseError(f"{path}: {error.strerror}") from error
    checks: dict[str, bool] = {}
    try:
        submission = read_submission(path, exercise)
    except UnreadableSubmissionError as error:
        flags = {"": [str(error)]}
        message = Outcome.UNREADABLE.message
        judgements = {
            question.grade_id: Judgement(Outcome.UNREADABLE, 0.0, question.points, message)
            for question in exercise.questions
        }
    else:
        flags = submission.flags
        collected = collect(exercise, submission.answers, seed=seed, limits=limits)
        if reference is None:
            reference = run_reference(exercise, seed=seed, limits=limits)
        judgements = judge_all(exercise, collected, reference, blank=submission.blank)
        checks = collected.checks
    return Grade(
        exercise=exercise.name,
        submission=path.name,
        sha256=digest,
        seed=seed,
        judgements=judgements,
        checks=checks,
        flags=flags,
        seconds=time.monotonic() - started,
    )


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
