"""Outcome and points follow from the emitted values and from how the cells ended."""

from dataclasses import replace

import numpy as np
import pytest
from nbformat.v4 import new_code_cell

from deqlab.course.following import CellEnd
from deqlab.course.judging import judge
from deqlab.course.outcomes import Outcome
from deqlab.course.values import encode

PASSED = CellEnd("passed")
RAISED = CellEnd("raised", "ValueError", "no")
REFERENCE = {f"n = {n}": np.arange(n) + 0.5 for n in (3, 4, 5)}


def payload(name, value):
    return {"name": name, "value": encode(value)}


def right(*names):
    return [payload(name, REFERENCE[name]) for name in names or REFERENCE]


@pytest.fixture
def cube(toy):
    return toy.exercise.questions[0]


@pytest.fixture
def root(toy):
    return toy.exercise.questions[2]


@pytest.mark.parametrize(
    ("payloads", "end", "outcome", "points"),
    [
        (right(), PASSED, Outcome.OK, 3),
        (right(), RAISED, Outcome.OK, 3),
        (
            [*right("n = 3"), payload("n = 4", 0), payload("n = 5", 0)],
            PASSED,
            Outcome.PARTLY,
            1,
        ),
        ([payload(name, 0.0) for name in REFERENCE], PASSED, Outcome.WRONG, 0),
        ([payload(name, None) for name in REFERENCE], PASSED, Outcome.WRONG, 0),
        ([payload(name, object()) for name in REFERENCE], PASSED, Outcome.WRONG, 0),
        ([], RAISED, Outcome.RAISED, 0),
        (right("n = 3"), RAISED, Outcome.RAISED, 1),
        ([], CellEnd("raised", "NotImplementedError", ""), Outcome.NOT_ATTEMPTED, 0),
        ([], CellEnd("timed-out"), Outcome.TIMED_OUT, 0),
        (right("n = 3", "n = 4"), CellEnd("timed-out"), Outcome.TIMED_OUT, 2),
        ([], CellEnd("out-of-memory"), Outcome.OUT_OF_MEMORY, 0),
        ([], CellEnd("killed", exitcode=-9), Outcome.KILLED, 0),
        # out of the protocol: nothing counts
        ([], PASSED, Outcome.TAMPERED, 0),
        (right("n = 3"), PASSED, Outcome.TAMPERED, 0),
        ([*right(), *right("n = 3")], PASSED, Outcome.TAMPERED, 0),
        ([*right(), payload("bonus", 1.0)], PASSED, Outcome.TAMPERED, 0),
        (
            [*right("n = 3", "n = 4"), {"name": "n = 5", "value": "0.5"}],
            PASSED,
            Outcome.TAMPERED,
            0,
        ),
        ([*right("n = 3", "n = 4"), {"name": 5}], PASSED, Outcome.TAMPERED, 0),
        ([*right(), None], PASSED, Outcome.TAMPERED, 0),
    ],
)
def test_outcome_and_points(cube, payloads, end, outcome, points):
    judgement = judge(cube, REFERENCE, payloads, end)
    assert (judgement.outcome, judgement.points) == (outcome, points)
    assert judgement.message


def test_a_blank_answer_was_not_attempted(cube):
    judgement = judge(cube, REFERENCE, [], RAISED, blank=True)
    assert judgement.outcome is Outcome.NOT_ATTEMPTED


def test_a_wrong_value_is_named_with_its_deviation(cube):
    payloads = [*right("n = 3", "n = 4"), payload("n = 5", REFERENCE["n = 5"] + 0.25)]
    message = judge(cube, REFERENCE, payloads, PASSED).message
    assert message.startswith("2 of 3 values agree; n = 5: largest deviation 0.25 at [")


def test_tolerances_are_the_question_s(cube):
    for scale, outcome in ((1 + 0.5e-9, Outcome.OK), (1 + 2e-9, Outcome.WRONG)):
        payloads = [payload(name, value * scale) for name, value in REFERENCE.items()]
        assert judge(cube, REFERENCE, payloads, PASSED).outcome is outcome


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ({"a": 4.0, "root": 2.0}, Outcome.OK),
        ({"a": 4.0, "root": -2.0}, Outcome.OK),
        ({"a": 4.0, "root": 1.0}, Outcome.WRONG),
        ({"a": 1.0, "root": 1.0}, Outcome.WRONG),  # another input
        ({"a": 4.0, "root": [2.0, 2.0]}, Outcome.WRONG),
        ({"a": 4.0}, Outcome.WRONG),
        (2.0, Outcome.WRONG),
        (None, Outcome.WRONG),
    ],
)
def test_a_measure_admits_every_right_answer_and_no_other(root, value, outcome):
    reference = {"root": {"a": np.array(4.0), "root": np.array(2.0)}}
    assert judge(root, reference, [payload("root", value)], PASSED).outcome is outcome


def test_a_forged_value_does_not_keep_the_grader_measuring(root, monkeypatch):
    monkeypatch.setattr("deqlab.course.measuring.CPU_SECONDS", 0.05)
    source = (
        "def measure(name, value):\n    for _ in range(int(value)):\n        pass\n    return 1.0"
    )
    counting = replace(root, measure=new_code_cell(source))
    for steps, outcome in ((5.0, Outcome.OK), (1e300, Outcome.WRONG)):
        judgement = judge(counting, {"root": 5.0}, [payload("root", steps)], PASSED)
        assert judgement.outcome is outcome
    assert "TimeoutError: measuring takes more than" in judgement.message


def test_every_outcome_says_what_it_means():
    assert {outcome.value for outcome in Outcome} == {
        *("ok", "partly", "wrong", "raised", "timed-out", "out-of-memory", "killed"),
        *("not-attempted", "tampered", "unreadable"),
    }
    assert len({outcome.message for outcome in Outcome}) == len(Outcome)
