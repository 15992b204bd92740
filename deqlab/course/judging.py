"""Compare what a submission emitted with what the reference emitted, in the grader's process."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from deqlab.course.comparison import Comparison, compare
from deqlab.course.errors import CourseError
from deqlab.course.exercise import Question
from deqlab.course.following import CellEnd
from deqlab.course.outcomes import Outcome
from deqlab.course.values import Unsent, Value, decode

STOPPED = {
    "timed-out": Outcome.TIMED_OUT,
    "out-of-memory": Outcome.OUT_OF_MEMORY,
    "killed": Outcome.KILLED,
}
Measure = Callable[[str, Value], Value]


@dataclass(frozen=True)
class ValueVerdict:
    """Whether one emitted value agrees with the reference's."""

    name: str
    agrees: bool
    message: str


@dataclass(frozen=True)
class Judgement:
    """Outcome of one question.

    Parameters
    ----------
    outcome : Outcome
    points, max_points : float
        Values count equally; ``points`` is the share that agrees.
    message : str
        What happened, for the report.
    values : tuple of ValueVerdict
    """

    outcome: Outcome
    points: float
    max_points: float
    message: str
    values: tuple[ValueVerdict, ...] = ()


class ForgedError(ValueError):
    """A scored cell sent something that it does not send."""


def decode_all(payloads: Sequence[Any], names: Sequence[str] | None = None) -> dict[str, Value]:
    """Decode the values of one scored cell.

    Parameters
    ----------
    payloads : sequence
        Untrusted.
    names : sequence of str, optional
        The names that the cell emits; others are refused.

    Returns
    -------
    dict of str to value

    Raises
    ------
    ForgedError
        If a payload is not an encoding, or a name is unknown or comes twice.
    """
    values: dict[str, Value] = {}
    for payload in payloads:
        if not isinstance(payload, dict) or not isinstance(payload.get("name"), str):
            raise ForgedError("a value without a name left the kernel")
        name = payload["name"]
        if name in values or (names is not None and name not in names):
            what = "twice" if name in values else "which this question does not have"
            raise ForgedError(f"a value {name[:60]!r} left the kernel {what}")
        try:
            values[name] = decode(payload.get("value"))
        except ValueError as error:
            raise ForgedError(str(error)) from None
    return values


def judge(
    question: Question,
    reference: dict[str, Value],
    payloads: Sequence[Any],
    end: CellEnd,
    *,
    blank: bool = False,
) -> Judgement:
    """Judge one question.

    Parameters
    ----------
    question : Question
    reference : dict of str to value
        What the instructor's solution emitted with the same seed.
    payloads : sequence
        What the submission emitted in the scored cell; untrusted.
    end : CellEnd
        How the question's cells ended: the first that stopped the run or raised, else ``passed``.
    blank : bool
        Whether the answer is missing or still the stub.

    Returns
    -------
    Judgement
    """

    def result(
        outcome: Outcome, message: str, points: float = 0.0, values: Sequence[ValueVerdict] = ()
    ) -> Judgement:
        return Judgement(outcome, points, question.points, message, tuple(values))

    try:
        emitted = decode_all(payloads, tuple(reference))
        if end.status == "passed" and len(emitted) < len(reference):
            missing = [name for name in reference if name not in emitted]
            raise ForgedError(f"the scored cell ended without sending {', '.join(missing)[:200]}")
    except ForgedError as error:
        return result(Outcome.TAMPERED, str(error))
    measure = measure_of(question)
    verdicts = [
        _verdict(question, measure, name, emitted[name], wanted)
        for name, wanted in reference.items()
        if name in emitted
    ]
    agreeing = sum(verdict.agrees for verdict in verdicts)
    points = question.points * agreeing / len(reference)
    summary = f"{agreeing} of {len(reference)} values agree"
    if agreeing == len(reference):
        return result(Outcome.OK, summary, points, verdicts)
    if blank or (end.ename == "NotImplementedError" and not agreeing):
        return result(Outcome.NOT_ATTEMPTED, Outcome.NOT_ATTEMPTED.message, points, verdicts)
    if end.status in STOPPED:
        outcome = STOPPED[end.status]
        code = "" if end.exitcode is None else f"; exit code {end.exitcode}"
        return result(outcome, f"{outcome.message}{code}; {summary}", points, verdicts)
    if end.status != "passed":
        text = f"{end.ename}: {end.evalue}"[:300]
        return result(Outcome.RAISED, f"{text}; {summary}", points, verdicts)
    worst = next(verdict for verdict in verdicts if not verdict.agrees)
    message = f"{summary}; {worst.name}: {worst.message}"
    return result(Outcome.PARTLY if agreeing else Outcome.WRONG, message, points, verdicts)


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


def _verdict(
    question: Question, measure: Measure | None, name: str, got: Value, want: Value
) -> ValueVerdict:
    if measure is not None:
        want = measure(name, want)
        if not isinstance(got, Unsent):
            try:
                got = measure(name, got)
            except Exception as error:
                return ValueVerdict(name, False, f"{type(error).__name__}: {error}"[:300])
    comparison: Comparison = compare(got, want, rtol=question.rtol, atol=question.atol)
    agrees = comparison.agrees and not math.isnan(comparison.deviation)
    return ValueVerdict(name, agrees, comparison.message)
