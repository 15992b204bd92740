"""Compare what a submission emitted with what the reference emitted, in the grader's process."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deqlab.course.comparison import Comparison, compare
from deqlab.course.exercise import Question
from deqlab.course.explaining import agreement, common_pattern, describe, describe_end
from deqlab.course.following import CellEnd
from deqlab.course.measuring import Measure, measure_of, measured
from deqlab.course.outcomes import Outcome
from deqlab.course.values import Value, decode

STOPPED = {
    "timed-out": Outcome.TIMED_OUT,
    "out-of-memory": Outcome.OUT_OF_MEMORY,
    "killed": Outcome.KILLED,
}


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer.

    Parameters
    ----------
    what : str
        The mistake, in words.
    hint : int or None
        Level of the hint that helps.
    values : dict of str to value
        What this answer emits.
    """

    what: str
    hint: int | None
    values: dict[str, Value]


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
        What happened, for the instructor: it may hold expected values.
    feedback : str
        The same for the student, without them and without a word of the hidden cells.
    mistake : str
        The known mistake that gives exactly these values, if there is one.
    hint : int or None
        Level of the hint that helps with it.
    values : tuple of ValueVerdict
    """

    outcome: Outcome
    points: float
    max_points: float
    message: str
    feedback: str
    mistake: str = ""
    hint: int | None = None
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
    mistakes: Sequence[Mistake] = (),
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
    mistakes : sequence of Mistake
        Known wrong answers, run with the same seed.

    Returns
    -------
    Judgement
    """

    def result(outcome: Outcome, message: str, feedback: str = "", **more: Any) -> Judgement:
        points = more.pop("points", 0.0)
        feedback = feedback or outcome.message
        return Judgement(outcome, points, question.points, message, feedback, **more)

    try:
        emitted = decode_all(payloads, tuple(reference))
        if end.status == "passed" and len(emitted) < len(reference):
            missing = [name for name in reference if name not in emitted]
            raise ForgedError(f"the scored cell ended without sending {', '.join(missing)[:200]}")
    except ForgedError as error:
        return result(Outcome.TAMPERED, str(error))
    measure = measure_of(question)
    sent = {name: want for name, want in reference.items() if name in emitted}
    verdicts = tuple(_verdict(question, measure, n, emitted[n], want) for n, want in sent.items())
    agreeing = sum(verdict.agrees for verdict in verdicts)
    share: dict[str, Any] = {
        "points": question.points * agreeing / len(reference),
        "values": verdicts,
    }
    summary = f"{agreeing} of {len(reference)} values agree"
    if agreeing == len(reference):
        return result(Outcome.OK, summary, summary, **share)
    if blank or (end.ename == "NotImplementedError" and not agreeing):
        return result(Outcome.NOT_ATTEMPTED, Outcome.NOT_ATTEMPTED.message, **share)
    if end.status in STOPPED:
        outcome = STOPPED[end.status]
        code = "" if end.exitcode is None else f"; exit code {end.exitcode}"
        message = f"{outcome.message}{code}; {summary}"
        return result(outcome, message, f"{outcome.message}; {summary}", **share)
    if end.status != "passed":
        text = f"{end.ename}: {end.evalue}"[:300]
        shown = describe_end(end, _hidden(question))
        return result(Outcome.RAISED, f"{text}; {summary}", f"{shown}; {summary}", **share)
    worst = next(verdict for verdict in verdicts if not verdict.agrees)
    known = _known_mistake(question, measure, emitted, sent, mistakes)
    return result(
        Outcome.PARTLY if agreeing else Outcome.WRONG,
        f"{summary}; {worst.name}: {worst.message}",
        _feedback(question, measure, emitted, sent, verdicts, known),
        mistake=known.what if known else "",
        hint=known.hint if known else None,
        **share,
    )


def _feedback(
    question: Question,
    measure: Measure | None,
    emitted: Mapping[str, Value],
    sent: Mapping[str, Value],
    verdicts: Sequence[ValueVerdict],
    known: Mistake | None,
) -> str:
    """Say what is wrong with the values, without telling those that are expected."""
    agree = agreement(question.rtol, question.atol)
    off = [verdict.name for verdict in verdicts if not verdict.agrees]
    pairs = [measured(measure, name, emitted[name], sent[name]) for name in off]
    text = f"{len(sent) - len(off)} of {len(sent)} values agree; {off[0]}: "
    text += describe(*pairs[0], agree)
    if known:
        hint = f"; hint {known.hint} is about this" if known.hint else ""
        return f"{text}; these are the values of a known mistake: {known.what}{hint}"
    pattern = common_pattern(pairs, agree)
    return f"{text}; {pattern}" if pattern else text


def _known_mistake(
    question: Question,
    measure: Measure | None,
    emitted: Mapping[str, Value],
    sent: Mapping[str, Value],
    mistakes: Sequence[Mistake],
) -> Mistake | None:
    """Return the first mistake all of whose values are the emitted ones."""
    for mistake in mistakes:
        if mistake.values.keys() >= sent.keys() and all(
            _verdict(question, measure, name, emitted[name], mistake.values[name]).agrees
            for name in sent
        ):
            return mistake
    return None


def _hidden(question: Question) -> str:
    measure = question.measure.source if question.measure else ""
    return f"{question.scored.source}\n{measure}\n{question.answer.source}"


def _verdict(
    question: Question, measure: Measure | None, name: str, got: Value, want: Value
) -> ValueVerdict:
    obtained, wanted = measured(measure, name, got, want)
    comparison: Comparison = compare(obtained, wanted, rtol=question.rtol, atol=question.atol)
    agrees = comparison.agrees and not math.isnan(comparison.deviation)
    return ValueVerdict(name, agrees, comparison.message)
