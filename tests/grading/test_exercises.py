"""The exercises of the course: up to date, sound, and right in what they say."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from deqlab.course.exercise import SOLUTION, UNGRADED, read_exercise, tags
from deqlab.course.following import CellEnd
from deqlab.course.judging import decode_all, judge
from deqlab.course.outcomes import Outcome
from deqlab.course.releasing import released_path, released_text
from deqlab.course.values import encode
from deqlab.course.variants import read_variants
from deqlab.course.verification import verify

ROOT = Path(__file__).parents[2]
MUTANTS = ROOT / "tests" / "grading" / "mutants"
EXERCISES = [read_exercise(path) for path in sorted((ROOT / "solutions").glob("sol*.ipynb"))]
by_name = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


@by_name
def test_the_released_notebook_is_what_the_solution_gives(exercise):
    released = released_path(exercise, ROOT / "exercises")
    assert released.read_text(encoding="utf-8") == released_text(exercise), "run: deqlab release"


@by_name
def test_every_question_has_hints_and_variants(exercise):
    assert len(exercise.questions) >= 2
    text = "\n".join(c.source for c in exercise.notebook.cells if c.cell_type == "markdown")
    for level in (1, 2, 3):
        assert text.count(f"<summary>Hint {level}</summary>") == len(exercise.questions)
    for question in exercise.questions:
        assert read_variants(MUTANTS, question)


def test_grade_ids_are_unique_and_have_no_stray_variants():
    ids = [question.grade_id for exercise in EXERCISES for question in exercise.questions]
    assert len(ids) == len(set(ids))
    assert {path.name for path in MUTANTS.iterdir() if path.is_dir()} == set(ids)


@pytest.mark.slow
@by_name
def test_mutants_are_caught_and_right_answers_get_full_points(exercise):
    assert verify(exercise, MUTANTS).problems == []


def emitted(exercise, question, source, seed, monkeypatch):
    """Return what a question emits for an answer; in this process, for trusted answers only."""
    payloads = []
    monkeypatch.setenv("DEQLAB_SEED", str(seed))
    monkeypatch.setattr(
        "deqlab.course.emit",
        lambda name, value: payloads.append({"name": name, "value": encode(value)}),
    )
    cells = exercise.notebook.cells
    given = [
        cell.source
        for cell in cells[: cells.index(question.answer)]
        if cell.cell_type == "code"
        and exercise.role(cell) is None
        and not {SOLUTION, UNGRADED} & set(tags(cell))
    ]
    namespace = {}
    try:
        for code in (*given, source, question.scored.source):
            exec(code, namespace)
    except Exception as error:
        return payloads, CellEnd("raised", type(error).__name__, str(error))
    return payloads, CellEnd("passed")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("grade_id", [q.grade_id for e in EXERCISES for q in e.questions])
def test_the_verdict_on_a_variant_does_not_depend_on_the_seed(grade_id, monkeypatch):
    exercise, question = next(
        (e, q) for e in EXERCISES for q in e.questions if q.grade_id == grade_id
    )
    for seed in range(20):
        payloads, _ = emitted(exercise, question, question.answer.source, seed, monkeypatch)
        reference = decode_all(payloads)
        for variant in read_variants(MUTANTS, question):
            payloads, end = emitted(exercise, question, variant.source, seed, monkeypatch)
            judgement = judge(question, reference, payloads, end)
            assert (judgement.outcome is Outcome.OK) == variant.right, (seed, variant, judgement)


def answer(grade_id):
    """Return the names that a solution's answer cell defines."""
    sources = (q.answer.source for e in EXERCISES for q in e.questions if q.grade_id == grade_id)
    namespace = {"np": np}
    exec(next(sources), namespace)
    return namespace


def test_the_rooms_are_in_balance_and_the_longest_step_is_the_limit():
    rooms, rng = answer("ex01-rooms"), np.random.default_rng(0)
    for P, G, H, outside in rng.uniform([10, 1, 0, -9], [99, 9, 9, 9], size=(20, 4)):
        losses = np.array([[G + H, -H], [-H, G + H]])
        expected = np.linalg.solve(losses, [P + G * outside, G * outside])
        np.testing.assert_allclose(rooms["equilibrium"](P, G, H, outside), expected, rtol=1e-10)
        step = rooms["longest_step"](2.0, G, H)
        for factor, converges in ((0.999, True), (1.001, False)):
            one_step = np.eye(2) - factor * step / 2.0 * losses
            assert (np.abs(np.linalg.eigvalsh(one_step)).max() < 1) == converges


@pytest.mark.parametrize("p", [2, 3, 7])
def test_the_knob_s_slope_is_a_finite_difference(p):
    knob, a, h = answer("ex01-knob"), 2.7, 1e-6
    root = a ** (1 / p)
    for tau in (0.1, knob["best_knob"](p), knob["knob_limit"](p)):

        def g(z, tau=tau):
            return (1 - tau) * z + tau * a / z ** (p - 1)

        # error h^2 |g'''| / 6 + eps / h < 1e-8
        difference = (g(root + h) - g(root - h)) / (2 * h)
        assert difference == pytest.approx(knob["slope"](p, tau), abs=1e-8)
    assert knob["slope"](p, knob["best_knob"](p)) == pytest.approx(0, abs=1e-15)
    assert knob["slope"](p, knob["knob_limit"](p)) == pytest.approx(-1)


def relu_fixed_points(W, b):
    """Return every fixed point of max(W z + b, 0), by trying all sets of active units."""
    d, found = len(b), []
    for active in itertools.product([0.0, 1.0], repeat=d):
        D = np.diag(active)
        try:
            z = np.linalg.solve(np.eye(d) - D @ W, D @ b)
        except np.linalg.LinAlgError:
            continue
        if np.abs(np.maximum(W @ z + b, 0) - z).max() < 1e-9 * (1 + np.abs(z).max()):
            found.append(z)
    return [z for i, z in enumerate(found) if all(np.abs(z - y).max() > 1e-6 for y in found[:i])]


def test_each_certificate_of_uniqueness_holds_for_relu():
    facts, rng = answer("ex02-facts")["facts"], np.random.default_rng(0)
    certified = dict.fromkeys(("unique_by_norm", "unique_by_size", "unique_by_sign"), 0)
    several_without = 0
    for _ in range(600):
        d = int(rng.integers(1, 5))
        W = rng.uniform(0.1, 3) * rng.normal(size=(d, d)) - rng.uniform(0, 2) * np.eye(d)
        W = np.triu(W) if rng.random() < 0.3 else W
        many = len(relu_fixed_points(W, rng.normal(size=d))) > 1
        known = facts(W)
        for key in certified:
            certified[key] += known[key]
            assert not (known[key] and many)
        several_without += many
    assert min(certified.values()) > 20
    assert several_without > 20


def test_the_certificates_do_not_imply_each_other():
    facts = answer("ex02-facts")["facts"]
    keys = ("unique_by_norm", "unique_by_size", "unique_by_sign")
    rotation = 0.9 * np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    cases = {
        "size only": (np.array([[0.0, 9.0], [0.0, 0.0]]), [False, True, False]),
        "sign only": (np.array([[-5.0]]), [False, False, True]),
        "not size": (rotation, [True, False, True]),
    }
    for W, expected in cases.values():
        assert [bool(facts(W)[key]) for key in keys] == expected


def test_a_norm_below_one_implies_the_sign_condition_in_the_two_norm_only():
    facts = answer("ex02-facts")["facts"]
    W = np.array([[0.0, 0.0], [0.99, 0.0]])  # ||W|| = 0.99
    assert facts(W)["unique_by_sign"]
    tall = np.zeros((9, 9))
    tall[0, 1:] = 0.99  # the columns sum to 0.99, and W + W^T has the eigenvalue 2.8
    known = facts(tall)
    assert known["unique_by_norm"]
    assert not known["unique_by_sign"]


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.9])
def test_the_witness_has_exactly_three_fixed_points(rho):
    W, b, *points = answer("ex02-witness")["two_outputs"](rho)
    found = relu_fixed_points(W, b)
    assert len(found) == 3
    for z in (*points, np.linalg.solve(np.eye(2) - W, b)):
        assert min(np.abs(z - y).max() for y in found) < 1e-9
    # sqrt(eps ||W||) of a nearly defective matrix
    assert np.abs(np.linalg.eigvals(W)).max() == pytest.approx(rho, abs=1e-6)
