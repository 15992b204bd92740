"""What the instructor's guide says of options, outcomes, files and layouts is so."""

import argparse
import re

import pytest

from deqlab.course.class_folder import ClassFolder
from deqlab.course.commands import register
from deqlab.course.discovery import discover
from deqlab.course.gradebook import COLUMNS
from deqlab.course.outcomes import Outcome
from deqlab.course.sandbox import NOT_ENFORCED, Isolation


@pytest.fixture(scope="module")
def guide(root):
    return (root / "book" / "instructors-guide.md").read_text(encoding="utf-8")


def table(guide, head):
    """The first cells of the table that begins with this head."""
    _, _, rest = guide.partition(f"\n{head}\n")
    rows = re.match(r"\|[-|]+\|\n((?:\|.*\n)+)", rest)[1].splitlines()
    return [row.split("|")[1].strip() for row in rows]


def test_every_option_of_grade_is_in_the_table_and_no_other(guide):
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    register(subparsers)
    options = {o for a in subparsers.choices["grade"]._actions for o in a.option_strings}
    told = set(re.findall(r"--[a-z-]+", " ".join(table(guide, "| option | what it does |"))))
    assert told == options - {"-h", "--help"}


def test_every_outcome_is_explained(guide):
    told = [cell.strip("`") for cell in table(guide, "| outcome | what happened |")]
    assert told == list(map(str, Outcome))
    assert f"one of {('nine', 'ten', 'eleven')[len(Outcome) - 9]} outcomes" in guide


def test_every_file_of_a_run_is_listed(guide, tmp_path):
    folder = ClassFolder(tmp_path / "grades")
    folder.create()
    told = {c.strip("`").split("/")[0] for c in table(guide, "| in `--out` | what it is |")}
    paths = (folder.grades, folder.summary, folder.feedback, folder.records, folder.collected)
    assert told == {path.name for path in (*paths, folder.manifest)}


def test_the_layouts_give_the_student_that_the_table_says(guide, tmp_path):
    places = [c.strip("`") for c in table(guide, "| path below the folder | the student is |")]
    assert len(places) == 3
    for place in places:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        (root / place).parent.mkdir(parents=True)
        (root / place).write_text("")
        assert [one.student for one in discover(root, ["ex02-contractions"])] == ["ann"]


def test_the_student_pattern_of_the_guide_works(guide, tmp_path):
    pattern = re.search(r"--student '([^']+)'", guide)[1]
    folder = tmp_path / "Ann_12_assignsubmission_file_"
    folder.mkdir()
    (folder / "ex02-contractions.ipynb").write_text("")
    assert [one.student for one in discover(tmp_path, [], pattern)] == ["Ann_12"]


def test_the_table_of_levels_lists_what_is_not_enforced(guide):
    assert NOT_ENFORCED[Isolation.NAMESPACE] == ()
    named = "network files of others processes number of processes memory disk"
    words = " ".join(NOT_ENFORCED[Isolation.GUARD_RAIL])
    assert all(word in words for word in named.split())
    told = " ".join(table(guide, "| what | guard rail | namespace |"))
    assert all(word in told for word in named.split())


def test_the_table_of_grades_has_the_columns_that_the_guide_counts(guide):
    assert len(COLUMNS) == 12
    assert "eleven columns of `nbgrader export`; a twelfth" in guide


def test_what_the_guide_refers_to_exists(guide, root):
    for path in re.findall(r"`((?:container|exercises|tests|solutions)/[\w./-]*)`", guide):
        assert list(root.glob(path.replace("NN-slug", "[0-9][0-9]-*"))), path
    for path in re.findall(r"\{figure\} (\S+)", guide):
        image = root / "book" / path
        assert 10_000 < image.stat().st_size < 200_000
    assert guide.count("{figure}") == guide.count(":alt:") == 2
