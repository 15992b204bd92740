"""Answers are found by grade_id, then cell id, then order and similarity, and it is said how."""

import itertools
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from deqlab.course.exercise import read_exercise
from deqlab.course.ingest import ingest
from deqlab.course.matching import SIMILAR, defined, find_answers, similarity
from deqlab.course.releasing import stub
from deqlab.course.variants import read_variants

ROOT = Path(__file__).parents[2]
EXERCISES = [read_exercise(path) for path in sorted((ROOT / "solutions").glob("sol*.ipynb"))]
ANSWER = '''def cube(x):
    """Return the cube of each number."""
    return x**3'''
MEAN = '''def mean(x):
    """Return the mean."""
    return sum(x) / len(x)'''


def find(toy, notebook):
    return find_answers(ingest(toy.submit(notebook)), toy.exercise)


def position(notebook, grade_id="toy-cube"):
    cells = enumerate(notebook.cells)
    return next(i for i, c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def without_marks(notebook):
    """Take away what tells an answer cell from another."""
    for k, cell in enumerate(notebook.cells):
        cell.id = f"cell-{k}"
        cell.metadata.pop("nbgrader", None)
    notebook.metadata.pop("deqlab", None)
    return notebook


def test_an_answer_without_marks_is_recovered_by_its_text(toy):
    notebook = without_marks(toy.submission({"toy-cube": ANSWER, "toy-mean": MEAN}))
    notebook.cells.reverse()
    submission = find(toy, notebook)
    assert submission.answers["toy-cube"] == ANSWER
    assert submission.answers["toy-mean"] == MEAN
    assert submission.blank == {"toy-root"}
    for grade_id in ("toy-cube", "toy-mean"):
        assert submission.flags[grade_id][0].startswith("recovered: ")


def test_an_answer_without_marks_is_recovered_by_its_place_before_the_check(toy):
    notebook = toy.submission({"toy-cube": "cube = lambda x: x**3"})
    without_marks(notebook)
    notebook.cells.insert(0, new_code_cell("scratch = 1"))
    submission = find(toy, notebook)
    assert submission.answers["toy-cube"] == "cube = lambda x: x**3"
    assert "recovered" in submission.flags["toy-cube"][0]


def test_a_cell_that_resembles_no_stub_is_no_answer(toy):
    notebook = without_marks(toy.submission({}))
    notebook.cells.append(new_code_cell("def cubic(y):\n    '''Something else.'''\n    return y"))
    assert find(toy, notebook).blank == {"toy-cube", "toy-mean", "toy-root"}


def test_marks_come_before_resemblance(toy):
    notebook = toy.submission({"toy-cube": "cube = None"})
    notebook.cells.insert(0, new_code_cell(ANSWER))
    assert find(toy, notebook).answers["toy-cube"] == "cube = None"


def test_an_answer_turned_into_markdown_counts_if_it_is_python(toy):
    for source, counts in ((ANSWER, True), ("I would take $x^3$.", False)):
        notebook = toy.submission({})
        place = position(notebook)
        cell = new_markdown_cell(source, id=notebook.cells[place].id)
        cell.metadata = notebook.cells[place].metadata
        notebook.cells[place] = cell
        submission = find(toy, notebook)
        assert ("toy-cube" in submission.blank) != counts
        assert (submission.answers["toy-cube"] == ANSWER) == counts
        assert "no code cell any more" in submission.flags["toy-cube"][0]


def test_an_answer_that_was_split_is_joined(toy):
    helper, rest = "def power(x, n):\n    return x**n", "def cube(x):\n    return power(x, 3)"
    for parts in ([rest, helper], [rest, "print('done')"]):
        notebook = toy.submission({})
        place = position(notebook)
        cell = notebook.cells[place]
        notebook.cells[place : place + 1] = [
            new_code_cell(part, metadata=cell.metadata) for part in parts
        ]
        submission = find(toy, notebook)
        assert submission.answers["toy-cube"] == "\n\n".join(parts)
        assert "joined" in submission.flags["toy-cube"][0]


def test_a_graded_cell_may_be_moved(toy):
    notebook = toy.submission({"toy-cube": ANSWER})
    notebook.cells.append(notebook.cells.pop(position(notebook)))
    submission = find(toy, notebook)
    assert submission.answers["toy-cube"] == ANSWER
    assert not submission.flags


def pairs():
    for exercise in EXERCISES:
        stubs = {q.grade_id: stub(q.answer.source, q.grade_id) for q in exercise.questions}
        for question in exercise.questions:
            yield exercise, question, stubs


def test_the_threshold_tells_every_answer_from_those_of_other_questions():
    # Answers written into their stub are recovered by it, and those of other questions never are.
    for _, question, stubs in pairs():
        own = stubs[question.grade_id]
        assert similarity(own, question.answer.source) >= SIMILAR, question.grade_id
        others = [text for grade_id, text in stubs.items() if grade_id != question.grade_id]
        for other in others:
            assert similarity(other, question.answer.source) < SIMILAR
            assert similarity(other, own) < SIMILAR


def test_an_answer_in_place_of_its_stub_is_not_taken_for_another_s():
    mutants = ROOT / "tests" / "grading" / "mutants"
    for _, question, stubs in pairs():
        for variant, (grade_id, text) in itertools.product(
            read_variants(mutants, question), stubs.items()
        ):
            if grade_id != question.grade_id:
                assert similarity(text, variant.source) < SIMILAR, (variant.name, grade_id)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(): pass\nx = y = 1\nclass C: pass", {"f", "x", "y", "C"}),
        ("for i in range(3):\n    j = i", {"i", "j"}),
        ("%matplotlib inline", None),
        ("x = '\0'", None),
        ("(" * 10_000, None),
        ("", set()),
    ],
)
def test_names_that_a_source_binds(source, names):
    assert defined(source) == names
