"""The assembled notebook is the instructor's, with the student's answers and nothing else."""

import json

import pytest
from nbformat.v4 import new_code_cell, new_output

from deqlab.course.assembly import assemble, reference_answers
from deqlab.course.ingest import ingest
from deqlab.course.matching import find_answers

ANSWER = "def cube(x):\n    return x**3"


def read_submission(path, exercise):
    return find_answers(ingest(path), exercise)


def sources(assembled):
    return [cell.source for cell in assembled.notebook.cells]


def answer_cell(notebook, grade_id="toy-cube"):
    return next(
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )


def test_only_answers_come_from_the_student(toy):
    notebook = toy.submission({"toy-cube": ANSWER})
    for cell in notebook.cells:
        if cell.source != ANSWER:
            cell.source += "\nFOREIGN = 1"
    notebook.cells.insert(2, new_code_cell("FOREIGN = 2"))
    exercise = toy.exercise
    answers = read_submission(toy.submit(notebook), exercise).answers
    assembled = assemble(exercise, {**reference_answers(exercise), "toy-cube": answers["toy-cube"]})
    assert ANSWER in sources(assembled)
    assert not any("FOREIGN" in source for source in sources(assembled))


def test_the_assembled_notebook_tells_nothing_but_sources(toy):
    output = new_output("stream", name="stdout", text="expected 27")
    toy.cell("cube-scored").outputs = [output]
    exercise = toy.exercise
    notebook = assemble(exercise, reference_answers(exercise)).notebook
    text = json.dumps(notebook)
    for secret in ("expected 27", "rtol", "def measure", "the secret proof", "nbgrader"):
        assert secret not in text


def test_stopped_and_settled_questions_leave_their_tests_out(toy):
    exercise = toy.exercise
    assembled = assemble(
        exercise, reference_answers(exercise), stopped={"toy-cube"}, settled={"toy-mean"}
    )
    text = "\n".join(sources(assembled))
    assert "def cube" not in text
    assert "def mean" in text
    assert 'check("toy-mean"' not in text
    assert 'scored_rng("toy-mean")' not in text
    assert 'scored_rng("toy-root")' in text


def test_given_cells_tagged_ungraded_are_not_run(toy):
    toy.cells.append(new_code_cell("draw()", metadata={"tags": ["ungraded"]}))
    exercise = toy.exercise
    assert "draw()" not in sources(assemble(exercise, reference_answers(exercise)))


def test_an_untouched_stub_is_blank(toy):
    submission = read_submission(toy.submit({"toy-mean": "def mean(x): return 0"}), toy.exercise)
    assert submission.blank == {"toy-cube", "toy-root"}
    assert not submission.flags


def test_a_deleted_answer_is_blank(toy):
    notebook = toy.submission({})
    notebook.cells.remove(answer_cell(notebook))
    assert "toy-cube" in read_submission(toy.submit(notebook), toy.exercise).blank


def test_an_answer_without_metadata_is_found_by_its_id(toy):
    notebook = toy.submission({"toy-cube": ANSWER})
    del answer_cell(notebook).metadata["nbgrader"]
    submission = read_submission(toy.submit(notebook), toy.exercise)
    assert submission.answers["toy-cube"] == ANSWER
    assert "found by its cell id" in submission.flags["toy-cube"][0]


def test_cells_without_ids_are_read(toy):
    notebook = toy.submission({"toy-cube": ANSWER})
    for cell in notebook.cells:
        del cell["id"]
    notebook.nbformat_minor = 4
    path = toy.folder / "old.ipynb"
    path.write_text(json.dumps(notebook))
    submission = read_submission(path, toy.exercise)
    assert submission.answers["toy-cube"] == ANSWER
    assert not submission.flags


@pytest.mark.parametrize("copies", [["stub", ANSWER], ["old", ANSWER], [ANSWER, "stub"]])
def test_of_several_answers_the_last_edited_one_counts(toy, copies):
    notebook = toy.submission({})
    cell = answer_cell(notebook)
    position = notebook.cells.index(cell)
    stub = cell.source
    duplicates = [
        new_code_cell(stub if text == "stub" else text, metadata=cell.metadata) for text in copies
    ]
    notebook.cells[position : position + 1] = duplicates
    submission = read_submission(toy.submit(notebook), toy.exercise)
    assert submission.answers["toy-cube"] == ANSWER
    assert "2 answer cells" in submission.flags["toy-cube"][0]


@pytest.mark.parametrize("how", ["edited", "deleted"])
def test_a_changed_check_is_flagged(toy, how):
    notebook = toy.submission({})
    check = answer_cell(notebook, "toy-mean-check")
    if how == "edited":
        check.source = "2.0"
    else:
        notebook.cells.remove(check)
    flags = read_submission(toy.submit(notebook), toy.exercise).flags
    assert flags == {"toy-mean": [f"the public check was {how}; the original was used"]}


def test_another_release_is_flagged(toy):
    notebook = toy.submission({})
    toy.cell("cube-scored").source += "\n"
    assert "another release" in read_submission(toy.submit(notebook), toy.exercise).flags[""][0]
