"""A check says what it compared, by how much it failed and which hint helps; stderr stays empty."""

import sys
import warnings

import numpy as np
import pytest

from deqlab.course import CheckFailedError, check, close, emit, holds, scored_rng


def test_a_passing_check_prints_its_verdict_and_returns_the_points(capsys):
    points = check(
        "demo",
        close("one example", lambda: [1.0, 2.0], np.array([1.0, 2.0])),
        holds("a property", lambda: np.True_),
        points=2,
    )
    out, err = capsys.readouterr()
    assert points == 2.0
    assert out == (
        "demo: 2 of 2 checks passed\n  ✓ one example: largest deviation 0\n  ✓ a property\n"
    )
    assert err == ""


def test_the_points_are_a_plain_number_for_nbgrader(capsys):
    assert repr(check("demo", holds("yes", lambda: True), points=3)) == "3.0"


def test_a_failing_check_raises_its_verdict(capsys):
    with pytest.raises(CheckFailedError) as failure:
        check(
            "demo",
            close("one example", lambda: [1.0, 2.25], [1.0, 2.0], rtol=1e-3, hint=2),
            holds("a property", lambda: [], hint=3),
            holds("another", lambda: True, hint=1),
            points=2,
        )
    assert str(failure.value) == (
        "demo: 1 of 3 checks passed\n"
        "  ✗ one example: largest deviation 0.25 at [1]: got 2.25, want 2, allowed 0.002\n"
        "      → Hint 2 of this question is about this\n"
        "  ✗ a property\n"
        "      → Hint 3 of this question is about this\n"
        "  ✓ another"
    )
    assert failure.value._render_traceback_() == str(failure.value).splitlines()
    assert capsys.readouterr() == ("", "")


def test_an_exception_fails_its_test_and_is_explained(capsys):
    with pytest.raises(CheckFailedError, match="raised ZeroDivisionError: division by zero"):
        check("demo", close("a quotient", lambda: 1 / 0, 1.0), points=1)


def test_a_stub_shows_its_own_message():
    def stub():
        raise NotImplementedError("demo: replace this")

    with pytest.raises(NotImplementedError, match="demo: replace this"):
        check("demo", holds("runs", stub), points=1)


def test_noise_of_an_answer_does_not_reach_stderr(capsys):
    def noisy():
        print("noise", file=sys.stderr)
        warnings.warn("careful", stacklevel=2)
        return 1.0

    check("demo", close("one", noisy, 1.0), points=1)
    out, err = capsys.readouterr()
    assert err == ""
    assert "noise\n" in out
    assert "note: UserWarning: careful" in out


def test_while_nbgrader_grades_a_failing_check_gives_its_share(capsys, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    tests = [holds("yes", lambda: True), holds("no", lambda: False)]
    assert check("demo", *tests, points=3) == 1.5


def test_a_wanted_value_may_be_computed(capsys):
    assert check("demo", close("one", lambda: 1.0, lambda: 1.0), points=1) == 1.0


def test_a_check_without_tests_is_an_error():
    with pytest.raises(ValueError, match="was given no tests"):
        check("demo", points=1)


def test_emit_outside_a_run_says_what_it_would_send(capsys):
    emit("state", np.zeros((2, 3)))
    emit("number", 1.0)
    emit("nothing", None)
    assert capsys.readouterr().out == (
        "emit state: float64 (2, 3)\nemit number: float64\nemit nothing: none\n"
    )


def test_inputs_follow_seed_and_question(monkeypatch):
    def draw(grade_id, seed):
        monkeypatch.setenv("DEQLAB_SEED", str(seed))
        return scored_rng(grade_id).random()

    assert draw("a", 1) == draw("a", 1)
    assert len({draw("a", 1), draw("a", 2), draw("b", 1)}) == 3
    monkeypatch.delenv("DEQLAB_SEED")
    assert scored_rng("a").random() == draw("a", 0)
