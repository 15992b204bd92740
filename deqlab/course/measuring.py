"""What is compared where a question has more than one right answer: a measure of each value.

A measure is the author's code and runs in the grader, but on values that a student may have forged,
such as a number of steps that it counts to: its time is limited.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deqlab.course.errors import CourseError
from deqlab.course.exercise import Question
from deqlab.course.values import Unsent, Value

Measure = Callable[[str, Value], Value]
CPU_SECONDS = 1.0  # of one measure, which takes milliseconds


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
            with _limited(CPU_SECONDS):
                pair.append(value if isinstance(value, Unsent) else measure(name, value))
        except Exception as error:
            pair.append(Unsent(f"{type(error).__name__}: {error}"[:300]))
    return pair[0], pair[1]


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Stop what takes longer; only the main thread, in which classes are judged, can do it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"measuring takes more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
