"""A released exercise holds the questions and nothing of the answers."""

import json

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_output

from deqlab.course.errors import CourseError
from deqlab.course.exercise import read_exercise
from deqlab.course.releasing import checksum, release, released_text, stub


def by_label(notebook):
    return {cell.metadata.label: cell for cell in notebook.cells if "label" in cell.metadata}


def test_nothing_of_the_solution_is_left(toy):
    text = released_text(toy.exercise)
    for secret in (
        *("third_power", "the secret proof", "scored_rng(", "emit(", "def measure"),
        *("rtol", "SOLUTION"),
    ):
        assert secret not in text.replace("import check, close, emit, holds, scored_rng", "")


def test_scored_and_measure_cells_are_left_out(toy):
    labels = by_label(release(toy.exercise)).keys()
    assert labels == {
        *("imports", "cube", "cube-check", "mean", "mean-check", "root", "root-check"),
    }


def test_a_stub_keeps_the_signature_and_raises_a_friendly_message(toy):
    cell = by_label(release(toy.exercise))["cube"]
    assert cell.source.startswith('def cube(x):\n    """Return the cube of each number."""\n')
    namespace = {}
    exec(cell.source, namespace)
    with pytest.raises(NotImplementedError, match="toy-cube: your answer goes here"):
        namespace["cube"](1.0)


def test_code_after_the_solution_region_stays():
    source = "def f():\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION\n    return x"
    assert stub(source, "q").endswith('goes here")\n    return x')


def test_metadata_is_that_of_nbgrader_with_checksums(toy):
    notebook = release(toy.exercise)
    nbformat.validate(notebook)
    cells = by_label(notebook)
    assert cells["cube"].metadata.nbgrader | {"checksum": 0} == {
        "grade": False,
        "grade_id": "toy-cube",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
        "cell_type": "code",
        "checksum": 0,
    }
    graded = cells["cube-check"].metadata.nbgrader
    assert (graded.grade, graded.locked, graded.solution, graded.points) == (True, True, False, 3.0)
    assert graded.checksum == checksum(cells["cube-check"])
    cells["cube-check"].source += " "
    assert graded.checksum != checksum(cells["cube-check"])


def test_the_release_is_deterministic_and_keeps_the_ids(toy):
    first = released_text(toy.exercise)
    assert released_text(toy.exercise) == first
    ids = {cell.id for cell in toy.cells}
    assert all(cell["id"] in ids for cell in json.loads(first)["cells"])


def test_only_outputs_that_the_author_keeps_are_released(toy):
    outputs = [new_output("stream", name="stdout", text="solved")]
    for label in ("imports", "cube-check"):
        toy.cell(label).outputs = outputs
    assert "solved" not in released_text(toy.exercise)
    toy.cell("imports").metadata["tags"] = ["keep-output"]
    assert "solved" in released_text(toy.exercise)


def test_cells_tagged_solution_are_left_out(toy):
    toy.cells.append(new_markdown_cell("the proof", metadata={"tags": ["solution"]}))
    assert "the proof" not in released_text(toy.exercise)


@pytest.mark.parametrize(
    "source",
    [
        "def cube(x):\n    return x",
        "def cube(x):\n    ### BEGIN SOLUTION\n    return x",
        "### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n### BEGIN SOLUTION\ny = 2",
    ],
)
def test_an_answer_without_a_closed_region_is_refused(toy, source):
    toy.cell("cube").source = source
    with pytest.raises(CourseError, match=r"toy-cube|cube: a solution marker"):
        release(toy.exercise)


def test_a_marker_outside_an_answer_is_refused(toy):
    toy.cell("imports").source += "\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION"
    with pytest.raises(CourseError, match="cell imports"):
        release(toy.exercise)


def test_the_digest_follows_what_is_graded(toy):
    digest = toy.exercise.digest()
    toy.cells[0].source += " more text"
    assert toy.exercise.digest() == digest
    toy.cell("cube-scored").source += " "
    assert toy.exercise.digest() != digest


@pytest.mark.parametrize(
    ("label", "metadata", "message"),
    [
        ("cube", {"answer": "toy-cube", "point": 3}, r"unknown nbgrader keys \['point'\]"),
        ("cube", {"answr": "toy-cube"}, "exactly one of"),
        ("cube", {"answer": "toy-cube", "check": "toy-cube"}, "exactly one of"),
        ("cube", {"answer": "Toy Cube"}, "lower-case-kebab"),
        ("cube", {"answer": "toy-mean"}, "two answer cells"),
        ("cube-check", {"check": "toy-cube", "points": 3}, "unknown nbgrader keys"),
        ("cube-scored", {"scored": "toy-cube", "rtol": "small"}, "rtol is 'small'"),
        ("cube-scored", {"scored": "toy-cube", "atol": float("nan")}, "atol is nan"),
        ("cube-scored", None, "no cell for: scored"),
    ],
)
def test_an_author_s_mistake_is_named(toy, label, metadata, message):
    if metadata is None:
        del toy.cell(label).metadata["nbgrader"]
    else:
        toy.cell(label).metadata["nbgrader"] = metadata
    with pytest.raises(CourseError, match=message):
        read_exercise(toy.write())


@pytest.mark.parametrize(
    "source",
    [
        "",
        "check(",
        "3.0",
        "verdict = check('toy-cube', points=3)",
        "check('toy-cube', points=3)\nprint()",
        "check('toy-mean', points=3)",
        "check('toy-cube')",
        "check('toy-cube', points=0)",
        "check('toy-cube', points='3')",
        "check('toy-cube', points=POINTS)",
    ],
)
def test_a_check_cell_ends_in_a_check_with_its_points(toy, source):
    toy.cell("cube-check").source = source
    with pytest.raises(CourseError, match=r"must end in check\('toy-cube', \.\.\., points=N\)"):
        read_exercise(toy.write())


def test_only_code_cells_are_graded(toy):
    toy.cells[0].metadata["nbgrader"] = {"answer": "toy-title"}
    with pytest.raises(CourseError, match="only code cells"):
        read_exercise(toy.write())


@pytest.mark.parametrize("name", ["toy.ipynb", "sol1-toy.ipynb", "sol01-Toy.ipynb", "sol01-toy.md"])
def test_a_solution_has_its_name(tmp_path, name):
    with pytest.raises(CourseError, match="solNN-slug"):
        read_exercise(tmp_path / name)


def test_a_solution_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "sol01-toy.ipynb").write_text("{")
    with pytest.raises(CourseError, match="not a notebook"):
        read_exercise(tmp_path / "sol01-toy.ipynb")
