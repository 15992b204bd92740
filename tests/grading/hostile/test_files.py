"""Whatever is handed in becomes a row: read if it can be, else with a reason for the student."""

import json
import os
import tracemalloc
import warnings
from pathlib import Path

import nbformat
import pytest

from deqlab.course.exercise import read_exercise
from deqlab.course.grading import judge_submission
from deqlab.course.ingest import MAX_FILE_BYTES, ingest, recognise
from deqlab.course.matching import find_answers
from deqlab.course.outcomes import Outcome
from deqlab.course.releasing import release, released_text
from deqlab.course.reports import text_report
from deqlab.course.submitting import collect_submission

ANSWER = "def cube(x):\n    return x**3"


def as_json(notebook):
    """Return a notebook as JSON, its sources in one piece."""
    cells = [{**cell, "source": str(cell.source)} for cell in notebook.cells]
    return json.loads(json.dumps({**notebook, "cells": cells}))


@pytest.fixture
def notebook(toy):
    """An honest submission as JSON."""
    return as_json(toy.submission({"toy-cube": ANSWER}))


def read(toy, content):
    path = toy.folder / "handed in.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return ingest(path)


BROKEN = {
    "empty": (b"", "the file is empty"),
    "blank": (b" \n\0\0\n", "the file is empty"),
    "not JSON": (b"%PDF-1.7", "not complete JSON (line 1)"),
    "half a bracket": (b"{", "not complete JSON"),
    "a list": (b"[]", "without a notebook's format number"),
    "null": (b"null", "without a notebook's format number"),
    "an object": (b"{}", "without a notebook's format number"),
    "a number for cells": (b'{"cells": 3, "metadata": {}, "nbformat": 4}', "without cells"),
    "no cells": (b'{"cells": [], "metadata": {}, "nbformat": 4}', "without cells"),
    "numbers for cells": (b'{"cells": [3], "metadata": 3, "nbformat": 4}', "without cells"),
    "a cell without source": (
        b'{"cells": [{"cell_type": "code"}], "nbformat": 4}',
        "without cells",
    ),
    "format 99": (b'{"cells": [], "metadata": {}, "nbformat": 99}', "a notebook of format 99"),
    "format 3, damaged": (b'{"worksheets": 3, "nbformat": 3}', "a damaged notebook of format 3"),
    "format as text": (b'{"cells": [], "nbformat": "4"}', "without a notebook's format number"),
    "deep": (b"[" * 100_000, "nested too deep"),
    "a number of many digits": (b'{"nbformat": ' + b"9" * 10_000 + b"}", "not complete JSON"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_a_notebook_is_unreadable(toy, name):
    content, reason = BROKEN[name]
    found = read(toy, content)
    assert reason in found.problem
    assert not found.cells


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_notebook_is_unreadable(toy, notebook, part):
    content = json.dumps(notebook).encode()
    found = read(toy, content[: int(part * len(content))])
    assert "cut off" in found.problem
    assert found.sha256


def test_what_is_no_file_is_unreadable(toy):
    target = toy.submit({})
    (toy.folder / "link").symlink_to(target)
    (toy.folder / "nowhere").symlink_to("nothing")
    (toy.folder / "folder").mkdir()
    os.mkfifo(toy.folder / "pipe")  # opening one waits for a writer
    reasons = {
        "link": "a link was handed in",
        "nowhere": "a link was handed in",
        "folder": "a folder was handed in",
        "pipe": "not a file",
        "missing": "cannot be opened: No such file",
        "a\0b": "cannot be opened",
    }
    for name, reason in reasons.items():
        assert reason in ingest(toy.folder / name).problem


def test_200_megabytes_are_refused_without_being_read(toy):
    path = toy.folder / "large.ipynb"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    found = ingest(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "200 MB, and at most 26 MB" in found.problem
    assert "clear all outputs" in found.problem
    assert peak < 1 << 20 < MAX_FILE_BYTES


def test_the_text_report_does_nothing_to_a_terminal(toy, notebook, toy_references):
    notebook["metadata"]["deqlab"]["exercise"] = "\x1b[2J\ud800"
    path = toy.folder / "strange.ipynb"
    path.write_text(json.dumps(notebook))
    record = collect_submission(path, toy.exercise, seed=toy_references.seed)
    report = text_report(judge_submission(record, toy.exercise, toy_references))
    assert "this is the notebook of \\x1b[2J\\ud800, not of ex00-toy" in report
    assert report.replace("\n", "").isprintable()


def test_every_unreadable_question_says_so_and_nothing_is_run(toy, toy_references):
    path = toy.folder / "broken.ipynb"
    path.write_text('{"cells": [')
    record = collect_submission(path, toy.exercise, seed=toy_references.seed)
    assert record == json.loads(json.dumps(record))
    grade = judge_submission(record, toy.exercise, toy_references)
    assert {j.outcome for j in grade.judgements.values()} == {Outcome.UNREADABLE}
    assert all("cut off" in j.feedback for j in grade.judgements.values())
    assert (grade.points, grade.max_points) == (0, 6)


def strange_notebooks():
    """Yield a name and a function that makes an honest notebook strange."""

    def colab(notebook):
        notebook["metadata"]["colab"] = {"provenance": [], "toc_visible": True}
        notebook["nbformat_minor"] = 0
        for cell in notebook["cells"]:
            cell["metadata"] |= {"id": cell.pop("id"), "outputId": "f3"}
            cell["metadata"].pop("nbgrader", None)

    def vs_code(notebook):
        notebook["metadata"]["vscode"] = {"interpreter": {"hash": "31f2"}}
        for cell in notebook["cells"]:
            cell["metadata"]["vscode"] = {"languageId": "python"}
            cell["source"] = cell["source"].splitlines(keepends=True)

    def foreign_kernel(notebook):
        notebook["metadata"]["kernelspec"] = {"name": "conda-env-x-py", "display_name": "x"}

    def no_ids(notebook):
        notebook["nbformat_minor"] = 4
        for cell in notebook["cells"]:
            del cell["id"]

    def windows(notebook):
        for cell in notebook["cells"]:
            cell["source"] = cell["source"].replace("\n", "\r\n")

    def old_mac(notebook):
        for cell in notebook["cells"]:
            cell["source"] = cell["source"].replace("\n", "\r")

    def bare(notebook):
        del notebook["metadata"]
        for cell in notebook["cells"]:
            del cell["metadata"]

    def damaged_neighbours(notebook):
        notebook["cells"] += [3, {}, {"cell_type": "code"}, {"cell_type": "code", "source": 7}]
        notebook["cells"].insert(0, {"cell_type": "heading", "source": "x"})

    def strange_metadata(notebook):
        notebook["metadata"] = {"deqlab": 3, "kernelspec": None}
        for cell in notebook["cells"]:
            if "nbgrader" not in cell["metadata"]:
                cell["metadata"] = {"nbgrader": 7, "tags": "x"}

    def surrogates(notebook):
        notebook["cells"].append({"cell_type": "code", "metadata": {}, "source": "'\ud800'"})

    def not_a_number(notebook):
        notebook["metadata"]["rate"] = float("nan")

    return {change.__name__.replace("_", " "): change for change in locals().copy().values()}


@pytest.mark.parametrize("how", strange_notebooks())
def test_a_strange_notebook_is_read(toy, notebook, how):
    strange_notebooks()[how](notebook)
    found = read(toy, notebook)
    assert not found.problem
    submission = find_answers(found, toy.exercise)
    assert submission.answers["toy-cube"] == ANSWER
    assert submission.blank == {"toy-mean", "toy-root"}
    for source in submission.answers.values():
        source.encode()


ENCODINGS = {
    "UTF-8 with a mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
    "Latin-1": lambda text: text.replace("the cube", "the c\xfcbe").encode("latin-1"),
    "NUL bytes at the end": lambda text: text.encode() + bytes(512),
    "NUL bytes inside": lambda text: text.encode().replace(b"return", b"ret\0urn"),
    "tabs in strings": lambda text: text.encode().replace(b"\\n", b"\n"),
}


@pytest.mark.parametrize("how", ENCODINGS)
def test_a_strange_encoding_is_read(toy, notebook, how):
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    found = read(toy, ENCODINGS[how](text))
    assert not found.problem
    assert find_answers(found, toy.exercise).answers["toy-cube"] == ANSWER
    silent = how in ("UTF-8 with a mark", "Windows line ends", "tabs in strings")
    assert bool(found.remarks) != silent


def test_format_3_is_upgraded(toy):
    notebook = toy.submission({"toy-cube": ANSWER})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = nbformat.convert(notebook, 3)
        found = read(toy, dict(old))
    assert not found.problem
    assert find_answers(found, toy.exercise).answers["toy-cube"] == ANSWER


def test_the_exercise_is_recognised_whatever_the_file_is_called(toy, notebook):
    solutions = Path(__file__).parents[3] / "solutions"
    others = [read_exercise(path) for path in sorted(solutions.glob("sol0*.ipynb"))]
    path = toy.folder / f"{others[0].name}.ipynb"
    for change in (lambda n: None, lambda n: n["metadata"].clear(), strange_notebooks()["bare"]):
        change(notebook)
        path.write_text(json.dumps(notebook))
        assert recognise(path, [*others, toy.exercise]).name == "ex00-toy"
    for other in others:
        bare = as_json(release(other))
        strange_notebooks()["bare"](bare)
        for content in (released_text(other), json.dumps(bare)):
            path.write_text(content)
            assert recognise(path, [toy.exercise, *others]) is other
    for content in ("", "{}", json.dumps({"cells": [], "nbformat": 4})):
        path.write_text(content)
        assert recognise(path, [*others, toy.exercise]) is None


def test_another_exercise_is_not_attempted_and_flagged(toy, notebook):
    notebook["metadata"]["deqlab"]["exercise"] = "ex09-other"
    notebook["cells"] = [{"cell_type": "code", "metadata": {}, "source": "x = 1", "id": "x"}]
    submission = find_answers(read(toy, notebook), toy.exercise)
    assert submission.blank == {"toy-cube", "toy-mean", "toy-root"}
    assert submission.flags[""] == ["this is the notebook of ex09-other, not of ex00-toy"]
