"""The classes that the grading benchmark makes are what their table says."""

import random
import sys

import nbformat
import pytest

from benchmarks import grading
from benchmarks._record import ROOT
from deqlab.course.exercise import read_exercise


@pytest.fixture(scope="module")
def exercise():
    return read_exercise(ROOT / "solutions" / grading.EXERCISES["NumPy"])


def answers(exercise, notebook):
    ids = {question.answer.id for question in exercise.questions}
    return [cell.source for cell in notebook.cells if cell.id in ids]


def test_honest_answers_are_right_in_six_cases_of_ten_and_missing_in_one(exercise):
    notebooks = grading.honest(exercise, 200, random.Random(0))
    sources = [source for notebook in notebooks for source in answers(exercise, notebook)]
    assert len(sources) == 200 * len(exercise.questions)
    blank = sum("your answer goes here" in source for source in sources)
    wrong = sum(source.startswith("# mistake: ") for source in sources)
    n = len(sources)  # shares within four standard deviations of a binomial
    assert abs(blank / n - 0.1) < 4 * (0.1 * 0.9 / n) ** 0.5
    assert abs(wrong / n - 0.3) < 4 * (0.3 * 0.7 / n) ** 0.5


def test_a_mixed_class_has_every_attack_and_every_broken_file(exercise):
    files = list(grading.mixed(exercise, 300, random.Random(0)))
    assert len(files) == 300
    assert set(grading.UNREADABLE) <= set(files)
    assert sum(content in grading.UNREADABLE for content in files) == 15
    texts = [content.decode() for content in files if content not in grading.UNREADABLE]
    sources = [
        source for text in texts for source in answers(exercise, nbformat.reads(text, as_version=4))
    ]
    assert sum(source in grading.HOSTILE for source in sources) == 45
    assert set(grading.HOSTILE) <= set(sources)


def test_a_command_is_measured_and_its_failure_is_told(tmp_path):
    size = 100 << 20
    program = f"import time; block = bytearray({size}); time.sleep(1)"
    found = grading.measured([sys.executable, "-c", program], tmp_path, {})
    assert found["seconds"] >= 1.0
    assert size < found["grader_bytes"] < 2 * size
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        grading.measured([sys.executable, "-c", "1 / 0"], tmp_path, {})
