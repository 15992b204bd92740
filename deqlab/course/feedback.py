"""The page that a student gets back: points and a reason for every question, no expected value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deqlab.course.exercise import Exercise
from deqlab.course.outcomes import Outcome
from deqlab.course.pages import chapter_url, render
from deqlab.course.releasing import TEXT_REGION

MEANING = {str(outcome): outcome.message for outcome in Outcome}
HEADING = re.compile(r"^(#{1,3}) +(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Titles:
    """What an exercise and its questions are called in the notebook.

    Parameters
    ----------
    exercise : str
    questions : dict of str to str
        By grade_id.
    """

    exercise: str
    questions: dict[str, str]


def titles(exercise: Exercise) -> Titles:
    """Return the headings that stand above the answer cells."""
    first, latest, questions = "", "", {}
    answers = {question.answer.id: question.grade_id for question in exercise.questions}
    for cell in exercise.notebook.cells:
        if cell.cell_type == "markdown":
            for marks, text in HEADING.findall(TEXT_REGION.sub("", cell.source)):
                first, latest = (text, latest) if marks == "#" else (first, text)
        elif cell.id in answers:
            questions[answers[cell.id]] = latest or answers[cell.id]
    return Titles(first or exercise.name, questions)


def feedback_page(
    student: str, records: Sequence[Mapping[str, Any]], names: Mapping[str, Titles]
) -> str:
    """Return the page of one student.

    Parameters
    ----------
    student : str
    records : sequence of mapping
        What `deqlab.course.reports.record` made of the student's submissions. Of a question only
        ``feedback`` is shown, never ``message`` or ``values``, which may hold expected values; nor
        the remarks on the file, which may name others.
    names : mapping of str to Titles
        By exercise.

    Returns
    -------
    str
        HTML.
    """
    sheets = []
    for one in records:
        name = str(one.get("exercise", ""))
        title = names.get(name, Titles("No exercise", {}))
        sheets.append(
            {
                "file": one["file"],
                "title": title.exercise,
                "name": name,
                "chapter": chapter_url(name) if name else "",
                "points": one.get("points", 0.0),
                "max_points": one.get("max_points", 0.0),
                "flags": one.get("flags", []),
                "problem": one.get("problem", ""),
                "failed": bool(one.get("failed")),
                "questions": [_question(q, title) for q in one.get("questions", [])],
            }
        )
    return render("feedback.html", student=student, sheets=sheets)


def _question(question: Mapping[str, Any], title: Titles) -> dict[str, Any]:
    grade_id = question["grade_id"]
    meaning = MEANING[question["outcome"]]
    return {
        "id": grade_id,
        "title": title.questions.get(grade_id, grade_id),
        "outcome": question["outcome"],
        "meaning": meaning,
        "points": question["points"],
        "max_points": question["max_points"],
        "text": question["feedback"].removeprefix(meaning).removeprefix("; "),
        "mistake": question["mistake"],
        "hint": question["hint"],
        "public_check": question["public_check"],
        "flags": question["flags"],
    }
