"""The command line: what a student and an instructor see."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from deqlab.cli import main

IMPORTS = "from deqlab.course import check, close, emit, scored_rng"
DOUBLE = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
HALF = "def half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION"


def question(name, answer):
    def cell(source, **nbgrader):
        label = "-".join((name, *nbgrader))
        metadata = {"label": label, "nbgrader": nbgrader}
        return new_code_cell(source, id=label, metadata=metadata)

    grade_id = f"ex00-{name}"
    return [
        cell(answer, answer=grade_id),
        cell(
            f'check("{grade_id}", close("of 3", lambda: {name}(3.0), {eval_at_3(answer)}, hint=1), '
            "points=2)",
            check=grade_id,
        ),
        cell(f'emit("a number", {name}(scored_rng("{grade_id}").normal(size=5)))', scored=grade_id),
    ]


def eval_at_3(answer):
    return 6.0 if "2 *" in answer else 1.5


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course with one exercise, as the current directory; returns a writer of submissions."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solutions").mkdir()
    cells = [new_code_cell(IMPORTS, id="imports"), *question("double", DOUBLE)]
    cells += question("half", HALF)
    nbformat.write(new_notebook(cells=cells), tmp_path / "solutions" / "sol00-maps.ipynb")

    def write(double, half, name="ex00-maps.ipynb"):
        from deqlab.course.exercise import read_exercise
        from deqlab.course.releasing import release

        notebook = release(read_exercise(tmp_path / "solutions" / "sol00-maps.ipynb"))
        for cell in notebook.cells:
            if cell.id == "double-answer":
                cell.source = double or cell.source
            if cell.id == "half-answer":
                cell.source = half or cell.source
        nbformat.write(notebook, tmp_path / name)
        return name

    return write


def test_check_gives_the_verdicts_and_exits_with_them(course, capsys):
    name = course("def double(x):\n    return x + x", "def half(x):\n    return x / 3")
    before = Path(name).read_text()
    assert main(["check", name]) == 1
    out = capsys.readouterr().out
    assert out == (
        "ex00-double: 1 of 1 checks passed\n"
        "  ✓ of 3: largest deviation 0\n"
        "ex00-half: 0 of 1 checks passed\n"
        "  ✗ of 3: largest deviation 0.5: got 1, want 1.5, allowed 1.5e-06\n"
        "      → Hint 1 of this question is about this\n"
        "\n"
        "1 of 2 questions pass their public checks\n"
    )
    assert Path(name).read_text() == before


def test_check_passes_a_right_notebook_and_names_a_stub(course, capsys):
    name = course("def double(x):\n    return x + x", None)
    assert main(["check", name]) == 1
    expected = "ex00-half: NotImplementedError: ex00-half: your answer goes here"
    assert expected in capsys.readouterr().out
    name = course("def double(x):\n    return x + x", "def half(x):\n    return 0.5 * x")
    assert main(["check", name]) == 0
    assert "2 of 2 questions pass" in capsys.readouterr().out


@pytest.mark.slow
def test_check_says_so_when_a_cell_hangs_or_the_kernel_dies(course, capsys):
    name = course("def double(x):\n    while True: pass", "def half(x): return x / 2")
    assert main(["check", name, "--cell-timeout", "2"]) == 1
    out = capsys.readouterr().out
    assert "ex00-double: did not finish in time" in out
    assert "ex00-half: 1 of 1 checks passed" in out
    name = course("import os\nos._exit(1)", "def half(x): return x / 2")
    assert main(["check", name]) == 1
    assert "the kernel died" in capsys.readouterr().out


def test_an_exception_is_shown_with_the_student_s_own_line(course, capsys):
    name = course("def double(x):\n    y = x\n    return y / 0", "half = float")
    assert main(["check", name]) == 1
    expected = "✗ of 3: raised ZeroDivisionError: float division by zero (line 3: return y / 0)"
    assert expected in capsys.readouterr().out


def test_check_refuses_what_has_no_checks(tmp_path, capsys):
    nbformat.write(new_notebook(), tmp_path / "a.ipynb")
    (tmp_path / "b.ipynb").write_text("{")
    for name, message in (("a", "no public checks"), ("b", "not a notebook"), ("c", "No such")):
        assert main(["check", str(tmp_path / f"{name}.ipynb")]) == 2
        assert message in capsys.readouterr().err


def test_grade_prints_a_report_and_writes_a_record(course, tmp_path, capsys):
    name = course("def double(x):\n    return x + x", "def half(x):\n    return x / 3")
    assert main(["grade", name, "--seed", "5", "--out", "grade.json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "ex00-double   2.00 / 2      ok: 1 of 1 values agree" in out
    assert "ex00-half     0.00 / 2      wrong: 0 of 1 values agree; a number: largest" in out
    assert "total         2.00 / 4" in out
    record = json.loads((tmp_path / "grade.json").read_text())
    assert record["schema_version"] == 2
    assert (record["exercise"], record["seed"]) == ("ex00-maps", 5)
    assert (record["points"], record["max_points"]) == (2.0, 4.0)
    assert [q["outcome"] for q in record["questions"]] == ["ok", "wrong"]
    assert [q["public_check"] for q in record["questions"]] == [True, False]
    assert [q["values"][0]["agrees"] for q in record["questions"]] == [True, False]
    assert len(record["submission"]["sha256"]) == 64


def test_grade_reports_an_unreadable_submission(course, tmp_path, capsys):
    (tmp_path / "ex00-maps-mine.ipynb").write_text("{")
    assert main(["grade", "ex00-maps-mine.ipynb"]) == 0
    assert capsys.readouterr().out.count("unreadable") == 2


def test_grade_asks_when_the_exercise_is_not_clear(course, tmp_path, capsys):
    (tmp_path / "homework.ipynb").write_text("{}")
    assert main(["grade", "homework.ipynb"]) == 2
    assert "give --solution" in capsys.readouterr().err
    metadata = {"deqlab": {"exercise": "ex07-other"}}
    nbformat.write(new_notebook(metadata=metadata), tmp_path / "ex07-other.ipynb")
    assert main(["grade", "ex07-other.ipynb"]) == 2
    assert "solutions/ has solutions for ex00-maps" in capsys.readouterr().err
    assert main(["grade", "homework.ipynb", "--solutions", "elsewhere"]) == 2
    assert "elsewhere/ has no solNN-slug.ipynb" in capsys.readouterr().err
    arguments = ["grade", "homework.ipynb", "--solution", "solutions/sol00-maps.ipynb"]
    assert main(arguments) == 0
    assert "unreadable" in capsys.readouterr().out


def test_grade_writes_a_folder_for_a_class(course, tmp_path, capsys):
    (tmp_path / "submissions").mkdir()
    (tmp_path / "submissions" / "ann_ex00-maps.ipynb").write_text("{")
    arguments = ["grade", "submissions", "--out", "grades", "--seed", "5", "--jobs", "1"]
    assert main(arguments) == 0
    out, _ = capsys.readouterr()
    assert "1 submission, seed 5, isolation: " in out
    assert f"wrote {tmp_path / 'grades' / 'grades.csv'}" in out
    assert (tmp_path / "grades" / "feedback" / "ann.html").exists()
    assert main(arguments) == 2
    assert "give --resume" in capsys.readouterr().err
    assert main([*arguments, "--resume", "--cell-timeout", "1"]) == 2
    error = capsys.readouterr().err
    assert "cannot resume with other settings: cell_seconds was 30.0 and is 1.0" in error


def test_grade_says_what_is_missing(course, tmp_path, capsys):
    assert main(["grade", "missing", "--out", "grades"]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    (tmp_path / "submissions").mkdir()
    assert main(["grade", "submissions"]) == 2
    assert "--out is missing" in capsys.readouterr().err
    assert main(["grade", "submissions", "--out", "grades"]) == 2
    assert "no files in it" in capsys.readouterr().err
    assert main(["grade", "submissions", "--out", "submissions/grades"]) == 2
    assert "lies inside submissions" in capsys.readouterr().err


def test_without_a_command_the_usage_is_shown(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "COMMAND" in capsys.readouterr().err
