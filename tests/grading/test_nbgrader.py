"""A released exercise in the real nbgrader: generated, autograded, and scored as here."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="needs nbgrader: pip install deqlab[nbgrader]")

from nbgrader.api import Gradebook

from deqlab.course.exercise import read_exercise
from deqlab.course.gradebook import COLUMNS
from deqlab.course.grading import grade_submission
from deqlab.course.releasing import release

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXERCISE = read_exercise(ROOT / "solutions" / "sol02-contractions.ipynb")
NAME = EXERCISE.name
# A released exercise holds its stubs already, so nothing is to be cleared from it.
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "implicit"
c.ClearSolutions.enabled = False
c.ExecutePreprocessor.timeout = 60
"""
WRONG = "def two_outputs(rho):\n    return [[rho, 0], [0, rho]], [0, 0], [0, 0], [0, 0]"


def answers():
    right = {question.grade_id: question.answer.source for question in EXERCISE.questions}
    return {"right": right, "wrong": right | {"ex02-witness": WRONG}, "blank": {}}


def nbgrader(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", autouse=True)
def commands_on_the_path():
    """nbgrader calls alembic by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    (folder / "nbgrader_config.py").write_text(CONFIG)
    source = folder / "source" / NAME / f"{NAME}.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(release(EXERCISE), source)
    nbgrader(folder, "generate_assignment", NAME, "--create", "--force")
    for student, written in answers().items():
        path = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        notebook = nbformat.read(folder / "release" / NAME / f"{NAME}.ipynb", as_version=4)
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = written.get(grade_id, cell.source)
        nbformat.write(notebook, path)
    nbgrader(folder, "autograde", NAME, "--create")
    return folder


def test_generate_leaves_the_exercise_as_it_is(course):
    generated = nbformat.read(course / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    released = release(EXERCISE)
    assert [cell.source for cell in generated.cells] == [cell.source for cell in released.cells]
    for ours, theirs in zip(released.cells, generated.cells, strict=True):
        ours, theirs = ours.metadata.get("nbgrader", {}), theirs.metadata.get("nbgrader", {})
        if ours:
            assert ours["checksum"] == theirs["checksum"]


@pytest.mark.parametrize("student", ["right", "wrong", "blank"])
def test_scores_agree(course, student):
    path = course / "submitted" / student / NAME / f"{NAME}.ipynb"
    grade = grade_submission(path, EXERCISE, seed=0)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission(NAME, student)
        theirs = {
            g.name.removesuffix("-check"): g.auto_score for g in submission.notebooks[0].grades
        }
        total, max_score = submission.score, submission.max_score
    assert max_score == grade.max_points
    full = {question.grade_id: question.points for question in EXERCISE.questions}
    ours = {grade_id: judgement.points for grade_id, judgement in grade.judgements.items()}
    if student == "wrong":
        # public checks test more than the scored cell counts: partly right in both, not equally
        assert theirs.pop("ex02-witness") < full["ex02-witness"]
        assert ours.pop("ex02-witness") < full.pop("ex02-witness")
        assert theirs == ours == full
    else:
        assert theirs == ours == (full if student == "right" else dict.fromkeys(full, 0.0))
        assert total == grade.points


def test_our_table_has_the_columns_of_its_export(course):
    nbgrader(course, "export", "--to", "theirs.csv")
    head, *rows = (course / "theirs.csv").read_text().splitlines()
    assert tuple(head.split(",")) == COLUMNS[:11]
    assert len(rows) == len(answers())
