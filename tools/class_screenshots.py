"""``python -m tools.class_screenshots [--out DIR]``: the pictures of the instructor's guide.

A small class is graded for real: the first exercises, answered with the solution, with known
mistakes, with a loop without end, and with what is no notebook. Then the class page and one
student's page are taken as PNGs.
"""

import argparse
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

from deqlab.course.class_grading import grade_class
from deqlab.course.exercise import Exercise, read_exercise
from deqlab.course.following import Limits
from deqlab.course.releasing import release
from tools.project import ROOT
from tools.screenshots import CHROMIUM

EXERCISE = ROOT / "solutions" / "sol02-contractions.ipynb"
MUTANTS = ROOT / "tests" / "grading" / "mutants"
STUDENTS = 12
WIDTH, HEIGHT = 860, 1040  # pixels
FRAME = "html { outline: 1px solid #d5dbe3; outline-offset: -1px; }"
# a page is shown down to its first section that says nothing of the sheet
END = "document.querySelectorAll('h2')[1].getBoundingClientRect().top - 16"
SHOWN = "student03"  # whose page is taken


def answers(exercise: Exercise, i: int) -> dict[str, str]:
    """The answers of student i: each question right, or one of its known mistakes, by turns."""
    chosen = {}
    for k, question in enumerate(exercise.questions):
        mutants = sorted((MUTANTS / question.grade_id).glob("mutant-*.py"))
        turn = i + 2 * k
        right = turn % 3 != 0
        wrong = mutants[turn // 3 % len(mutants)].read_text(encoding="utf-8")
        chosen[question.grade_id] = question.answer.source if right else wrong
    if i == 5:
        chosen[exercise.questions[0].grade_id] = "while True:\n    pass"
    return chosen


def write_class(exercise: Exercise, folder: Path) -> None:
    """Write the submissions, one of which was cut off on the way."""
    for i in range(1, STUDENTS + 1):
        notebook = release(exercise)
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = answers(exercise, i).get(grade_id, cell.source)
        text = nbformat.writes(notebook)
        path = folder / f"student{i:02d}_{exercise.name}.ipynb"
        path.write_text(text if i != 9 else text[:4000], encoding="utf-8")


def take(pages: dict[str, Path], out: Path) -> None:
    """Write a PNG of the upper part of each page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        for name, path in pages.items():
            page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
            page.goto(path.as_uri())
            page.add_style_tag(content=FRAME)
            end = page.evaluate(END)
            height = min(HEIGHT, int(end))
            page.set_viewport_size({"width": WIDTH, "height": height})
            page.screenshot(path=out / f"{name}.png")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.class_screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "book" / "_static")
    arguments = parser.parse_args()
    exercise = read_exercise(EXERCISE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "submissions").mkdir()
        write_class(exercise, folder / "submissions")
        run = grade_class(
            folder / "submissions",
            folder / "grades",
            solutions=[EXERCISE],
            seed=1,
            limits=Limits(cell_seconds=10.0),
            variants=MUTANTS,
            jobs=2,
            progress=True,
        )
        pages = {
            "grading-summary": run.folder.summary,
            "grading-feedback": run.folder.feedback / f"{SHOWN}.html",
        }
        take(pages, arguments.out)
    for page in pages:
        print(arguments.out / f"{page}.png")


if __name__ == "__main__":
    main()
