"""The pages of a class run: what they show, that no text in them acts, and how they read."""

import csv
import io
from html import unescape

import pytest
from axe_playwright_python.sync_playwright import Axe

from deqlab.course.feedback import Titles, feedback_page, titles
from deqlab.course.gradebook import COLUMNS, QuestionResult, Row, grades_csv
from deqlab.course.outcomes import Outcome
from deqlab.course.pages import chapter_url, points
from deqlab.course.summary import histogram, summary_page

ATTACK = '"><script>document.title="owned"</script><img src=x onerror="document.title=1">{{7*7}}'
NAMES = {"ex00-toy": Titles("Exercises 0. Toys", {"a": "0.1 A sum", "b": "0.2 A product"})}
SETTINGS = {
    "seed": 7,
    "deqlab": "0.1.0",
    "limits": {"cell_seconds": 3.0, "memory_bytes": 3 << 29, "disk_bytes": 1 << 28, "processes": 9},
    "isolation": "guard-rail",
}


def question(grade_id="a", outcome=Outcome.PARTLY, **changes):
    return {
        "grade_id": grade_id,
        "outcome": str(outcome),
        "points": 1.0,
        "max_points": 3.0,
        "message": "got 1, want 0.577215",
        "feedback": "1 of 3 values agree",
        "mistake": "",
        "hint": None,
        "public_check": True,
        "flags": [],
        "values": [{"name": "n", "agrees": False, "message": "want 0.577215"}],
    } | changes


def record(*questions, **changes):
    return {
        "file": "ann/ex00-toy.ipynb",
        "remarks": ["the file is byte for byte that of bob/ex00-toy.ipynb"],
        "exercise": "ex00-toy",
        "points": 1.0,
        "max_points": 3.0,
        "flags": [],
        "questions": list(questions),
    } | changes


def row(student="ann", outcomes=(Outcome.OK,), **changes):
    full = {Outcome.OK: 3.0, Outcome.PARTLY: 1.0}
    questions = tuple(
        QuestionResult(
            grade_id="ab"[i],
            outcome=str(outcome),
            points=full.get(outcome, 0.0),
            max_points=3.0,
            mistake="" if outcome is Outcome.OK else "the sign",
            seconds=0.5 + i,
        )
        for i, outcome in enumerate(outcomes)
    )
    values = {"place": f"{student}.ipynb", "key": f"{student}-1", "timestamp": ""}
    fields = values | {"exercise": "ex00-toy", "questions": questions} | changes
    return Row(student=student, **fields)


def summary(rows, not_enforced=("the network",)):
    pages = {one.student: f"{one.student}.html" for one in rows}
    return summary_page(rows, NAMES, settings=SETTINGS, not_enforced=not_enforced, pages=pages)


def test_a_student_sees_points_reason_mistake_and_hint():
    page = feedback_page(
        "ann",
        [record(question(mistake="the sign", hint=2), question("b", Outcome.TIMED_OUT))],
        NAMES,
    )
    text = unescape(page)
    for part in (
        "0.1 A sum",
        "<strong>1</strong> of 3",
        "1 of 3 values agree",
        "the sign",
        "Hint 2",
    ):
        assert part in text
    assert Outcome.TIMED_OUT.message in text
    assert "read the chapter again" in text


def test_a_student_sees_neither_expected_values_nor_other_students():
    page = feedback_page("ann", [record(question())], NAMES)
    assert "0.577215" not in page
    assert "bob" not in page


def test_a_file_without_a_verdict_says_why():
    unreadable = record(problem="not a notebook", exercise="")
    assert "not a notebook" in feedback_page("ann", [unreadable], NAMES)
    failed = record(failed="OSError: disk full at /home/instructor", exercise="")
    page = feedback_page("ann", [failed], NAMES)
    assert "has not been graded yet" in page
    assert "instructor" not in page


def test_titles_are_the_headings_above_the_answers(toy):
    toy.cells[
        0
    ].source = "# Toys\n## 0.1 Powers\ntext\n<!-- BEGIN SOLUTION -->\n# no\n<!-- END SOLUTION -->"
    assert titles(toy.exercise) == Titles(
        "Toys", dict.fromkeys(("toy-cube", "toy-mean", "toy-root"), "0.1 Powers")
    )


def test_every_exercise_links_to_its_chapter(root):
    for path in (root / "exercises").glob("ex*.ipynb"):
        chapter = chapter_url(path.stem).rpartition("/")[2]
        assert (root / "book" / chapter).exists()


def test_the_class_page_names_the_hardest_question_and_the_commonest_mistake():
    rows = [row(f"s{i}", (Outcome.OK, Outcome.WRONG)) for i in range(4)]
    rows.append(row("t", (Outcome.PARTLY, Outcome.TIMED_OUT)))
    text = unescape(summary(rows))
    assert "5 submissions of 5 students" in text
    assert "Hardest: <strong>0.2 A product</strong> (0 % of its points)" in text
    assert "Commonest mistake: <strong>the sign</strong> (6)" in text
    assert "<li>the network</li>" in text
    assert "cell 3 s, memory 1.5 GiB, disk 256 MiB, processes 9" in text
    assert "0 to 10 %" not in text  # nobody
    assert "50 to 60 %: 4" in text


def test_a_submission_without_a_verdict_is_shown_and_not_averaged():
    rows = [
        row("a"),
        row("b", (), failed="the process that ran it died"),
        row("c", (), exercise=""),
    ]
    text = unescape(summary(rows))
    assert "1 graded. Mean 3, median 3 of 3 points." in text
    assert "not graded: the process that ran it died" in text
    assert "--resume" in text


def test_the_histogram_holds_everybody_and_full_marks_are_in_the_last_bar():
    figure = histogram([0.0, 0.05, 0.3, 0.1 + 0.2, 0.999, 1.0])
    counts = [bar["count"] for bar in figure["bars"]]
    assert counts == [2, 0, 0, 2, 0, 0, 0, 0, 0, 2]
    assert figure["words"] == "0 to 10 %: 2; 30 to 40 %: 2; 90 to 100 %: 2"


@pytest.mark.parametrize(("number", "text"), [(3.0, "3"), (2.5, "2.5"), (10 / 3, "3.33"), (0, "0")])
def test_points_are_written_as_people_do(number, text):
    assert points(number) == text


def test_the_table_survives_any_name_and_is_no_formula():
    rows = [row("a", place='=1+1,"x"\n'), row("b", (), exercise="")]
    text = grades_csv(rows)
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(first) == COLUMNS
    assert first["submission"] == './=1+1,"x"\n'
    assert (first["score"], first["max_score"]) == ("3.0", "3.0")
    assert (second["assignment"], second["score"], second["max_score"]) == ("", "", "")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages in which every text that a student or a file system may choose is an attack."""
    attacked = question(feedback=ATTACK, mistake=ATTACK, hint=1, flags=[ATTACK])
    more = [question("b", outcome) for outcome in Outcome]
    feedback = feedback_page(
        ATTACK, [record(attacked, *more, file=ATTACK, flags=[ATTACK], problem=ATTACK)], NAMES
    )
    rows = [
        row(ATTACK, tuple(Outcome)[i : i + 2], place=ATTACK, key=ATTACK, flags=(ATTACK,))
        for i in range(len(Outcome) - 1)
    ]
    folder = tmp_path_factory.mktemp("pages")
    (folder / "feedback.html").write_text(feedback, encoding="utf-8")
    (folder / "summary.html").write_text(summary(rows, (ATTACK,)), encoding="utf-8")
    return folder


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["feedback", "summary"])
def test_a_page_is_inert_and_accessible_on_a_phone(pages, browser, name, scheme):
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page, asked, logged = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: logged.append(message.text))
    page.on("pageerror", lambda error: logged.append(str(error)))
    url = (pages / f"{name}.html").as_uri()
    page.goto(url)
    assert page.title().startswith(("Feedback for", "The class"))
    assert page.locator("script, img").count() == 0
    assert ATTACK in page.inner_text("body")
    assert [one for one in asked if not one.startswith("data:")] == [url]
    assert logged == []
    widths = page.evaluate(
        "[document.scrollingElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
    context.close()
