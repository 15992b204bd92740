"""What is compared where a question has more than one right answer: a measure of each value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deqlab.course.errors import CourseError
from deqlab.course.exercise import Question
from deqlab.course.values import Unsent, Value

Measure = Callable[[str, Value], Value]


def measure_of(question: Question) -> Measure | None:
    """Return the question's ``measure(name, value)``, run from the instructor's notebook."""
    if question.measure is None:
        return None
    namespace: dict[str, Any] = {}
    exec(compile(question.measure.source, f"<measure {question.grade_id}>", "exec"), namespace)
    measure: Measure | None = namespace.get("measure")
    if measure is None:
        raise CourseError(f"{question.grade_id}: the measure cell defines no measure(name, value)")
    return measure


def measured(measure: Measure | None, name: str, got: Value, want: Value) -> tuple[Value, Value]:
    """Return two values as they are compared; one that cannot be measured is unsent."""
    if measure is None:
        return got, want
    pair: list[Value] = []
    for value in (got, want):
        try:
            pair.append(value if isinstance(value, Unsent) else measure(name, value))
        except Exception as error:
            pair.append(Unsent(f"{type(error).__name__}: {error}"[:300]))
    return pair[0], pair[1]
