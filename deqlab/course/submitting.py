"""The first phase of grading: run one submission and write down what came out, judging nothing.

While any student's code runs, no expected value exists anywhere: the reference is run when all
submissions have been. What the first phase leaves is a record, plain JSON, from which the second
(`deqlab.course.grading`) computes the grade without running any code.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deqlab.course.collecting import collect
from deqlab.course.exercise import Exercise
from deqlab.course.following import Limits
from deqlab.course.ingest import ingest
from deqlab.course.matching import find_answers
from deqlab.course.sandbox import Isolation, find_sandbox

SCHEMA_VERSION = 2


def collect_submission(
    path: Path | str,
    exercise: Exercise,
    *,
    seed: int,
    limits: Limits | None = None,
    isolation: Isolation | str | None = None,
) -> dict[str, Any]:
    """Run a submission and return the record of what came out.

    Parameters
    ----------
    path : path-like
        Whatever was handed in.
    exercise : Exercise
    seed : int
        Of the hidden inputs.
    limits : Limits, optional
    isolation : Isolation or str, optional
        The best level that works here by default.

    Returns
    -------
    dict
        JSON-compatible. ``problem`` says why nothing was run, empty otherwise; ``questions`` has
        for each grade_id the untrusted ``payloads``, how its cells ended, whether its public check
        passed, its wall time and whether it is blank. Apart from ``seconds`` it is determined by
        the submission, the exercise and the seed. For a right answer its payloads are the expected
        values: keep it where no student's process can read it.

    Raises
    ------
    CourseError
        If the instructor's side fails: a sandbox that does not work, a given cell that stops.
    """
    started, limits = time.monotonic(), limits or Limits()
    sandbox = find_sandbox(isolation)
    found = ingest(path)
    questions: dict[str, Any] = {}
    flags: dict[str, list[str]] = {}
    if not found.problem:
        submission = find_answers(found, exercise)
        flags = submission.flags
        collected = collect(
            exercise, submission.answers, seed=seed, limits=limits, isolation=sandbox.isolation
        )
        for question in exercise.questions:
            grade_id = question.grade_id
            questions[grade_id] = {
                "blank": grade_id in submission.blank,
                "check": collected.checks.get(grade_id),
                "seconds": round(collected.seconds.get(grade_id, 0.0), 3),
                "end": asdict(collected.ends[grade_id]),
                "payloads": collected.payloads.get(grade_id, []),
            }
    return {
        "schema_version": SCHEMA_VERSION,
        "exercise": exercise.name,
        "digest": exercise.digest(),
        "submission": {"name": found.name, "sha256": found.sha256, "bytes": found.size},
        "seed": seed,
        "isolation": str(sandbox.isolation),
        "not_enforced": list(sandbox.not_enforced),
        "problem": found.problem,
        "flags": flags,
        "questions": questions,
        "seconds": round(time.monotonic() - started, 3),
    }
