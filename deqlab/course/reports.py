"""The report of a grade: text for people, a record for programs."""

from __future__ import annotations

import platform
from typing import Any

from deqlab.course.discovery import printable
from deqlab.course.grading import Grade

SCHEMA_VERSION = 2


def text_report(grade: Grade) -> str:
    """Return a report with one line per question, its remarks and the total.

    Parameters
    ----------
    grade : Grade

    Returns
    -------
    str
        For the instructor: it may hold expected values.
    """
    width = max(len(grade_id) for grade_id in grade.judgements)
    lines = [f"{grade.submission}: {grade.exercise}, seed {grade.seed}", ""]
    for grade_id, judgement in grade.judgements.items():
        points = f"{judgement.points:5.2f} / {judgement.max_points:<5g}"
        lines.append(f"  {grade_id:<{width}}  {points}  {judgement.outcome}: {judgement.message}")
        notes = [f"mistake: {judgement.mistake}"] if judgement.mistake else []
        notes += [f"note: {flag}" for flag in grade.flags.get(grade_id, [])]
        lines += [f"  {'':<{width}}  {note}" for note in notes]
    lines += ["", f"  {'total':<{width}}  {grade.points:5.2f} / {grade.max_points:<5g}"]
    lines += [f"  note: {flag}" for flag in grade.flags.get("", [])]
    lines.append(f"  isolation: {grade.isolation}; {grade.seconds:.1f} s")
    lines += [f"  not enforced: {what}" for what in grade.not_enforced]
    return "\n".join(map(printable, lines))


def record(grade: Grade) -> dict[str, Any]:
    """Return the grade as JSON-compatible data.

    Parameters
    ----------
    grade : Grade

    Returns
    -------
    dict
        With ``schema_version``; points per question and total, outcome, message, the verdict on
        each value, remarks, and what is needed to repeat the run. ``message`` and ``values`` may
        hold expected values; ``feedback`` is what the student may see.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "exercise": grade.exercise,
        "submission": {"name": grade.submission, "sha256": grade.sha256},
        "seed": grade.seed,
        "isolation": str(grade.isolation),
        "not_enforced": list(grade.not_enforced),
        "python": platform.python_version(),
        "seconds": round(grade.seconds, 3),
        "points": grade.points,
        "max_points": grade.max_points,
        "flags": grade.flags.get("", []),
        "questions": [
            {
                "grade_id": grade_id,
                "outcome": str(judgement.outcome),
                "points": judgement.points,
                "max_points": judgement.max_points,
                "message": judgement.message,
                "feedback": judgement.feedback,
                "mistake": judgement.mistake,
                "hint": judgement.hint,
                "public_check": grade.checks.get(grade_id),
                "seconds": grade.question_seconds.get(grade_id),
                "flags": grade.flags.get(grade_id, []),
                "values": [
                    {"name": value.name, "agrees": value.agrees, "message": value.message}
                    for value in judgement.values
                ],
            }
            for grade_id, judgement in grade.judgements.items()
        ],
    }
