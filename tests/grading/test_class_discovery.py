"""Which files of a folder are submissions, and of whom."""

import os

import pytest

from deqlab.course.discovery import discover, flag_repetitions, identifier
from deqlab.course.errors import CourseError

NAMES = ["ex02-contractions", "ex02-contractions-again"]


def put(root, *places, text="{}"):
    for place in places:
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def students(root, **options):
    return {one.place: one.student for one in discover(root, NAMES, **options)}


def test_the_three_layouts_give_the_student(tmp_path):
    expected = {
        "ann_ex02-contractions.ipynb": "ann",
        "ex02-contractions_bob.ipynb": "bob",
        "ex02-contractions-again-cleo (1).ipynb": "cleo",
        "dora-ex02-contractions-Copy1.ipynb": "dora",
        "emil.ipynb": "emil",
        "fay/ex02-contractions.ipynb": "fay",
        "gus/ex02-contractions/anything.ipynb": "gus",
    }
    put(tmp_path, *expected)
    assert students(tmp_path) == expected


def test_a_file_without_a_student_keeps_a_row_and_says_so(tmp_path):
    put(tmp_path, "ex02-contractions.ipynb")
    (one,) = discover(tmp_path, NAMES)
    assert one.student == "ex02-contractions"
    assert one.flags == ("the file's name says no student",)


def test_a_pattern_reads_the_names_of_a_learning_platform(tmp_path):
    place = "Jane Doe_12345_assignsubmission_file_/ex02-contractions.ipynb"
    put(tmp_path, place, "odd.ipynb")
    assert students(tmp_path, pattern=r"^([^/]+)_assignsubmission") == {
        place: "Jane_Doe_12345",
        "odd.ipynb": "odd",
    }
    flags = {one.place: one.flags for one in discover(tmp_path, NAMES, r"^(.+)_assign")}
    assert flags["odd.ipynb"] == ("the student pattern does not match",)
    for pattern, message in (("[", "unterminated"), ("x", "no group")):
        with pytest.raises(CourseError, match=message):
            discover(tmp_path, NAMES, pattern)


def test_what_is_handed_in_beside_a_notebook_is_no_submission(tmp_path):
    put(tmp_path, "ann/ex02-contractions.ipynb", "ann/data.csv", "ann/.ipynb_checkpoints/x.ipynb")
    put(tmp_path, "bob/essay.pdf", ".DS_Store", "cleo/ex02-contractions/timestamp.txt")
    assert students(tmp_path) == {"ann/ex02-contractions.ipynb": "ann", "bob/essay.pdf": "bob"}


def test_nbgrader_s_timestamp_is_kept_and_nothing_else_in_its_place(tmp_path):
    put(tmp_path, "ann/ex/a.ipynb", "bob/ex/a.ipynb")
    put(tmp_path, "ann/ex/timestamp.txt", text="2026-11-22 09:30:00.000000 UTC\n")
    put(tmp_path, "bob/ex/timestamp.txt", text='=HYPERLINK("x")')
    found = {one.student: one.timestamp for one in discover(tmp_path)}
    assert found == {"ann": "2026-11-22 09:30:00.000000 UTC", "bob": ""}


def test_links_and_pipes_are_rows_and_are_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    put(tmp_path, "elsewhere/secret.ipynb")
    root = tmp_path / "submissions"
    root.mkdir()
    (root / "ann.ipynb").symlink_to(tmp_path / "elsewhere" / "secret.ipynb")
    (root / "bob").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(root / "cleo.ipynb")
    assert students(root) == {"ann.ipynb": "ann", "bob": "bob", "cleo.ipynb": "cleo"}


def test_names_are_harmless_and_keys_are_distinct(tmp_path):
    put(
        tmp_path,
        "=cmd|'x'!A1.ipynb",
        "<script>alert(1)<.ipynb",
        "a b.ipynb",
        "a_b.ipynb",
        "é.ipynb",
    )
    raw = os.fsencode(tmp_path) + b"/\xff\x1b[31m.ipynb"
    with open(raw, "wb"):
        pass
    found = discover(tmp_path)
    students = [one.student for one in found]
    assert students[0] == "a_b"
    assert students[1].startswith("a_b-")  # somebody else, who must not see the feedback of a_b
    others = ["cmd_x_A1", "script_alert_1", "é", identifier(r"\xff\x1b[31m")]
    assert sorted(students[2:]) == sorted(others)
    assert len({one.key for one in found}) == 6
    for one in found:
        assert one.place.isprintable()
        assert one.key.replace(".", "").replace("-", "").replace("_", "").isalnum()


def test_a_folder_that_cannot_be_read_or_has_no_end_is_a_row(tmp_path, monkeypatch):
    put(tmp_path, "ann/1/2/3/4/5/6/7/8/9/a.ipynb", "bob/a.ipynb", "cleo/a.ipynb")
    scan = os.scandir

    def refusing(path):
        if os.path.basename(path) == "bob":
            raise PermissionError
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert students(tmp_path) == {
        "ann/1/2/3/4/5/6/7": "ann",
        "bob": "bob",
        "cleo/a.ipynb": "cleo",
    }


def test_spellings_that_a_file_system_may_not_tell_apart_are_flagged(tmp_path):
    put(tmp_path, "Ann/a.ipynb", "ann/a.ipynb", "bob/a.ipynb")
    flags = {one.student: one.flags for one in discover(tmp_path)}
    assert flags["bob"] == ()
    assert flags["Ann"] == ("the name differs from ann in capitals only",)


def test_repetitions_are_flagged_and_all_kept(tmp_path):
    put(tmp_path, "ann/one.ipynb", "ann/two.ipynb", "bob/one.ipynb", "bob/other.ipynb")
    found = discover(tmp_path)
    exercises, digests = ["ex02", "ex02", "ex02", "ex03"], ["1", "2", "1", None]
    flagged = {one.place: one.flags for one in flag_repetitions(found, exercises, digests)}
    assert flagged == {
        "ann/one.ipynb": (
            "this student also handed in ann/two.ipynb: decide which one counts",
            "the file is byte for byte that of bob/one.ipynb",
        ),
        "ann/two.ipynb": ("this student also handed in ann/one.ipynb: decide which one counts",),
        "bob/one.ipynb": ("the file is byte for byte that of ann/one.ipynb",),
        "bob/other.ipynb": (),
    }


def test_a_missing_or_empty_folder_is_an_error(tmp_path):
    with pytest.raises(CourseError, match="no such file or folder"):
        discover(tmp_path / "missing")
    with pytest.raises(CourseError, match="no files"):
        discover(tmp_path)
