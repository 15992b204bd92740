"""The page of the class: how the points lie, which question was hardest, what needs a look."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deqlab.course.feedback import Titles
from deqlab.course.gradebook import QuestionResult, Row
from deqlab.course.outcomes import Outcome
from deqlab.course.pages import render

BINS = 10  # of the share of points
WIDTH, HEIGHT, BASE, LEFT = 640, 220, 180, 20  # of the figure; BASE is where the bars stand
SUSPECT = (Outcome.TAMPERED, Outcome.KILLED)


def summary_page(
    rows: Sequence[Row],
    names: Mapping[str, Titles],
    *,
    settings: Mapping[str, Any],
    not_enforced: Sequence[str],
    pages: Mapping[str, str],
) -> str:
    """Return the page of a class run.

    Parameters
    ----------
    rows : sequence of Row
    names : mapping of str to Titles
        By exercise.
    settings : mapping
        The manifest of the run.
    not_enforced : sequence of str
        What the isolation of this run did not hold back.
    pages : mapping of str to str
        File of each student's feedback page.

    Returns
    -------
    str
        HTML.
    """
    exercises = sorted({row.exercise for row in rows if row.graded})
    return render(
        "summary.html",
        total=len(rows),
        students=len({row.student for row in rows}),
        failed=[row for row in rows if row.failed],
        sheets=[
            _sheet([row for row in rows if row.exercise == name and row.graded], names[name])
            for name in exercises
        ],
        rows=rows,
        looks=[(row, remarks) for row in rows if (remarks := _remarks(row))],
        pages=pages,
        settings=settings,
        not_enforced=not_enforced,
    )


def _sheet(rows: Sequence[Row], title: Titles) -> dict[str, Any]:
    shares = [row.points / row.max_points for row in rows]
    questions = [
        _question([row.questions[i] for row in rows], title) for i in range(len(rows[0].questions))
    ]
    mistakes = Counter(q.mistake for row in rows for q in row.questions if q.mistake)
    return {
        "title": title.exercise,
        "submissions": len(rows),
        "max_points": rows[0].max_points,
        "mean": statistics.fmean(row.points for row in rows),
        "median": statistics.median(row.points for row in rows),
        "figure": histogram(shares),
        "questions": questions,
        "outcomes": [o for o in map(str, Outcome) if any(q["outcomes"][o] for q in questions)],
        "hardest": min(questions, key=lambda question: question["share"]),
        "mistake": _commonest(mistakes),
    }


def _question(results: Sequence[QuestionResult], title: Titles) -> dict[str, Any]:
    first = results[0]
    times = [result.seconds for result in results if result.seconds is not None]
    return {
        "id": first.grade_id,
        "title": title.questions.get(first.grade_id, first.grade_id),
        "share": statistics.fmean(result.points / result.max_points for result in results),
        "outcomes": Counter(result.outcome for result in results),
        "mistake": _commonest(Counter(r.mistake for r in results if r.mistake)),
        "median_seconds": statistics.median(times) if times else None,
        "longest_seconds": max(times, default=None),
    }


def _commonest(counts: Counter[str]) -> tuple[str, int] | None:
    """Return the most frequent name and its count; among equals the first in the alphabet."""
    return min(counts.items(), key=lambda item: (-item[1], item[0]), default=None)


def _remarks(row: Row) -> list[str]:
    suspect = [f"{q.grade_id}: {q.outcome}" for q in row.questions if q.outcome in SUSPECT]
    failed = [f"not graded: {row.failed}"] if row.failed else []
    return [*failed, *suspect, *row.flags]


def histogram(shares: Iterable[float]) -> dict[str, Any]:
    """Return the bars of a histogram of shares in [0, 1], in the figure's coordinates.

    Parameters
    ----------
    shares : iterable of float

    Returns
    -------
    dict
        Counts, bars and words for those who do not see them.
    """
    counts = [0] * BINS
    for share in shares:
        counts[min(int(share * BINS + 1e-9), BINS - 1)] += 1
    pitch = (WIDTH - 2 * LEFT) / BINS
    unit = (BASE - 30) / max(1, *counts)
    bars = [
        {
            "x": round(LEFT + i * pitch + 2, 1),
            "y": round(BASE - count * unit, 1),
            "width": round(pitch - 4, 1),
            "height": round(count * unit, 1),
            "middle": round(LEFT + (i + 0.5) * pitch, 1),
            "count": count,
        }
        for i, count in enumerate(counts)
    ]
    words = [f"{10 * i} to {10 * i + 10} %: {n}" for i, n in enumerate(counts) if n]
    ticks = [(round(LEFT + i * pitch, 1), f"{10 * i} %") for i in range(0, BINS + 1, 2)]
    return {"bars": bars, "words": "; ".join(words), "ticks": ticks} | {
        "width": WIDTH,
        "height": HEIGHT,
        "base": BASE,
        "left": LEFT,
    }
