"""Feedback says what is wrong and how it differs, and nothing that is hidden."""

import numpy as np
import pytest

from deqlab.course.exercise import read_exercise
from deqlab.course.explaining import (
    WINDOW,
    agreement,
    common_pattern,
    describe,
    describe_end,
    repeats,
)
from deqlab.course.following import CellEnd
from deqlab.course.grading import judge_submission
from deqlab.course.judging import Mistake, decode_all, judge
from deqlab.course.outcomes import Outcome
from deqlab.course.references import run_references
from deqlab.course.submitting import collect_submission
from deqlab.course.values import Unsent, encode

AGREE = agreement(1e-6, 0.0)
RNG = np.random.default_rng(0)
A, V, C = RNG.normal(size=(4, 4)), RNG.normal(size=5), RNG.integers(1, 9, size=5)


@pytest.mark.parametrize(
    ("got", "want", "pattern"),
    [
        (-A, A, "the sign is the other way round"),
        (A.T, A, "it is the transpose"),
        (A[:, :2].T, A[:, :2], "it is the transpose"),
        (V[::-1], V, "the order is reversed"),
        (2 * A, A, "every number is 2 times the expected one"),
        (V / 4, V, "every number is 1/4 times the expected one"),
        (np.append(0.0, V[:-1]), V, "it comes one step late"),
        (np.append(V[1:], 0.0), V, "it comes one step early"),
        (C + 1, C, "it is one too large"),
        (6, 7, "it is one too small"),
        ({"W": -A, "b": -V}, {"W": A, "b": V}, "the sign is the other way round"),
        ({"W": -A, "b": V}, {"W": A, "b": V}, "the sign is the other way round"),
        ({"W": -A, "b": V + 1}, {"W": A, "b": V}, ""),
        (A + 1, A, ""),
        (2.0, 1.0, ""),
        ("a", "b", ""),
        (True, False, ""),
        (Unsent("an object"), A, ""),
        (None, A, ""),
    ],
)
def test_a_pattern_is_named_if_it_explains_every_difference(got, want, pattern):
    assert common_pattern([(got, want)], AGREE) == pattern
    assert common_pattern([(got, want), (A, A)], AGREE) == pattern


def test_patterns_of_different_values_must_be_the_same():
    assert common_pattern([(-A, A), (2 * A, A)], AGREE) == ""


@pytest.mark.parametrize(
    ("got", "want", "text"),
    [
        (A[:, :2], A, "has the shape (4, 2), expected is (4, 4)"),
        (1.1 * A, A, "deviates by 1e-01 of its size"),
        (A * np.inf, A, "holds numbers that are not finite"),
        (V, 0 * V, "should vanish"),
        ({"a": 1.0}, {"b": 1.0}, "has the keys ['a'], expected are ['b']"),
        ({"a": {"b": [1.0, "x"]}}, {"a": {"b": [1.0, "y"]}}, "'a' 'b' [1] is another text"),
        (3.0, {"b": 1.0}, "is no dictionary"),
        ([1.0], ["a", "b"], "is no list of 2 items"),
        (None, A, "is not of the expected kind"),
        (Unsent("an object of type set"), A, "is an object of type set"),
        ([True, False], [True, True], "is wrong in 1 of 2 truth values"),
        ({"they differ": False}, {"they differ": True}, "'they differ' should be true"),
    ],
)
def test_a_difference_is_described_without_the_expected_value(got, want, text):
    assert describe(got, want, AGREE) == text


def test_a_message_that_repeats_a_hidden_cell_is_withheld():
    hidden = "rng = scored_rng('q')\nemit('x', f(rng.normal(size=3)))"
    told = describe_end(CellEnd("raised", "ValueError", "emit( 'x', f(rng.normal( size=3"), hidden)
    assert told == "ValueError: (message withheld)"
    assert "size=3" in describe_end(CellEnd("raised", "ValueError", "size=3"), hidden)
    assert not repeats("x" * (WINDOW - 1), "x" * 99)
    assert repeats("x" * WINDOW, "x" * 99)
    name = describe_end(CellEnd("raised", "NameError", "name 'h' is not defined"), hidden)
    syntax = CellEnd("raised", "SyntaxError", "invalid syntax (1849999849.py, line 2)")
    assert describe_end(syntax, hidden) == "SyntaxError: invalid syntax (line 2)"
    assert name.endswith("only what stands in the answer cells is run, so define it there")


@pytest.fixture
def cube(toy):
    """A question, what its solution emits, and a way to judge values."""
    question = toy.exercise.questions[0]
    reference = {f"n = {n}": RNG.normal(size=n) for n in (3, 4, 5)}

    def judged(values, mistakes=()):
        payloads = [{"name": name, "value": encode(value)} for name, value in values.items()]
        assert decode_all(payloads).keys() == values.keys()
        return judge(question, reference, payloads, CellEnd("passed"), mistakes=mistakes)

    return reference, judged


def test_a_known_mistake_is_named_by_its_values(cube):
    reference, judged = cube
    squares = {name: value**2 for name, value in reference.items()}
    halves = {name: value / 2 for name, value in reference.items()}
    mistakes = [
        Mistake("the half", 3, halves),
        Mistake("the square", 2, squares),
        Mistake("raises", None, {}),
    ]
    found = judged(squares, mistakes)
    assert (found.outcome, found.mistake, found.hint) == (Outcome.WRONG, "the square", 2)
    assert "known mistake: the square; hint 2 is about this" in found.feedback
    other = judged({**squares, "n = 5": reference["n = 5"]}, mistakes)
    assert (other.outcome, other.mistake, other.hint) == (Outcome.PARTLY, "", None)
    right = judged(reference, mistakes)
    assert (right.outcome, right.mistake) == (Outcome.OK, "")


def test_feedback_holds_no_expected_value(cube):
    reference, judged = cube
    wrong = {name: np.round(value + 0.3, 6) for name, value in reference.items()}
    found = judged(wrong)
    expected = [x for value in reference.values() for x in value]
    assert any(f"want {x:.6g}" in found.message for x in expected)
    assert not any(f"{x:.3g}" in found.feedback for x in expected)
    assert "n = 3: deviates by" in found.feedback


@pytest.mark.slow
def test_mistakes_are_run_once_for_the_questions_that_somebody_got_wrong(toy, variants):
    exercise = toy.exercise
    answers = [
        {
            "toy-cube": "def cube(x):\n    return x * x",
            "toy-mean": "def mean(x): return np.mean(x)",
        },
        {"toy-cube": "def cube(x):\n    return x**3"},
    ]
    records = [collect_submission(toy.submit(a), exercise, seed=3) for a in answers]
    references = run_references(exercise, records, seed=3, variants=variants)
    assert set(references.mistakes) == {"toy-cube"}
    grades = [judge_submission(record, exercise, references) for record in records]
    told = grades[0].judgements["toy-cube"]
    assert (told.mistake, told.hint) == ("number 0", 2)
    assert grades[0].judgements["toy-mean"].outcome is Outcome.OK
    assert grades[1].judgements["toy-cube"].outcome is Outcome.OK
    assert run_references(exercise, records, seed=3).mistakes == {}
    again = [judge_submission(record, exercise, references) for record in records]
    assert grades == again
    with pytest.raises(ValueError, match="collect it again"):
        judge_submission({**records[0], "seed": 4}, exercise, references)
    assert read_exercise(exercise.path).digest() == exercise.digest()
