"""What a hostile notebook costs: nothing but its own questions; honest ones get what they earned.

Honest answers to the two questions beside ``toy-cube`` (3 points) are worth 3 points.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_output

from deqlab.course.grading import grade_submission
from deqlab.course.outcomes import Outcome

WRONG = "def cube(x):\n    return np.zeros_like(x)"
HONEST = {
    "toy-mean": "def mean(x):\n    return sum(x) / len(x)",
    "toy-root": "def root(a):\n    return -(a**0.5)",
}


def outcome(grade):
    judgement = grade.judgements["toy-cube"]
    return str(judgement.outcome), judgement.points


@pytest.mark.slow
def test_several_stopped_questions_do_not_cost_the_others(graded_toy):
    grade = graded_toy.grade(
        {
            "toy-cube": "def cube(x):\n    while True: pass",
            "toy-mean": "import os\nos._exit(1)",
            "toy-root": HONEST["toy-root"],
        }
    )
    outcomes = [str(judgement.outcome) for judgement in grade.judgements.values()]
    assert outcomes == ["timed-out", "killed", "ok"]


def test_a_thread_left_behind_costs_only_its_own(graded_toy):
    bomb = """
import os, threading
def cube(x):
    threading.Timer(30.0, os._exit, (1,)).start()
    return np.zeros_like(x)"""
    grade = graded_toy.grade({**HONEST, "toy-cube": bomb})
    assert outcome(grade) == ("wrong", 0)
    assert grade.points == 3


@pytest.mark.slow
def test_values_sent_before_the_loop_count(graded_toy):
    answer = "def cube(x):\n    while len(x) == 5: pass\n    return x**3"
    grade = graded_toy.grade({**HONEST, "toy-cube": answer})
    assert outcome(grade) == ("timed-out", 2)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["forged", "edited", "deleted", "skipped", "emptied"])
def test_what_stands_outside_an_answer_does_not_matter(graded_toy, how):
    notebook = graded_toy.submission({**HONEST, "toy-cube": WRONG})
    checks = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    for cell in checks:
        if how == "forged":
            cell.execution_count = 1
            cell.outputs = [
                new_output("stream", name="stdout", text="toy-cube: 2 of 2 checks passed"),
                new_output("execute_result", data={"text/plain": "3.0"}, execution_count=1),
            ]
        elif how == "edited":
            cell.source = "3.0"
            cell.metadata.nbgrader["points"] = 100
        elif how == "deleted":
            notebook.cells.remove(cell)
        elif how == "skipped":
            cell.source = f"# NBVAL_SKIP\n{cell.source}"
            cell.metadata["tags"] = ["nbval-skip"]
        else:
            cell.source = ""
    notebook.cells.insert(1, new_code_cell("import os; os._exit(1)"))
    grade = graded_toy.grade(notebook)
    assert outcome(grade) == ("wrong", 0)
    assert (grade.points, grade.max_points) == (3, 6)
    flagged = [key for key, flags in grade.flags.items() if "public check was" in flags[0]]
    assert flagged == ([] if how == "forged" else list(grade.judgements))


def test_an_unreadable_submission_is_graded_too(graded_toy, tmp_path):
    path = tmp_path / "broken.ipynb"
    path.write_text('{"cells": [')
    grade = graded_toy.grade(path)
    assert {judgement.outcome for judgement in grade.judgements.values()} == {Outcome.UNREADABLE}
    assert grade.points == 0
    assert "not complete JSON" in grade.judgements["toy-cube"].feedback


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_grader_that_is_killed_leaves_nothing_running(toy):
    toy.write()
    path = toy.submit({"toy-cube": "import time\ntime.sleep(600)"})
    command = [sys.executable, "-m", "deqlab.cli", "grade", path, "--solution", toy.write()]
    environment = {**os.environ, "TMPDIR": str(toy.folder)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as grader:
        assert eventually(lambda: any(map(is_kernel, descendants(grader.pid))))
        started = descendants(grader.pid)
        grader.kill()
    assert eventually(lambda: not any(running(pid) for pid in started))


def eventually(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def descendants(pid):
    try:
        threads = list(Path(f"/proc/{pid}/task").glob("*/children"))
        children = [int(child) for file in threads for child in file.read_text().split()]
    except OSError:
        return []
    return [found for child in children for found in (child, *descendants(child))]


def is_kernel(pid):
    try:
        return b"deqlab.course.kernel" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_honest_blank_and_right_submissions(graded_toy):
    assert graded_toy.grade({}).points == 0
    grade = graded_toy.grade({**HONEST, "toy-cube": "def cube(x):\n    return np.power(x, 3)"})
    assert (grade.points, grade.max_points) == (6, 6)
    assert grade.checks == dict.fromkeys(grade.judgements, True)


def test_noise_changes_no_score(graded_toy):
    noisy = """
import sys, warnings, logging
print("x" * 100_000)
print("noise", file=sys.stderr)
def cube(x):
    warnings.warn("noise")
    logging.error("noise")
    print("noise", file=sys.stderr)
    np.float64(1.0) / np.float64(0.0)
    return x**3"""
    assert outcome(graded_toy.grade({**HONEST, "toy-cube": noisy})) == ("ok", 3)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_grade_and_another_seed_other_inputs(graded_toy):
    # hard-coded from a run with another seed
    answer = "table = {3: [1.0] * 3}\ndef cube(x):\n    return x**3 if len(x) > 3 else table[3]"
    path = graded_toy.submit({**HONEST, "toy-cube": answer})
    grades = [
        grade_submission(path, graded_toy.exercise, seed=seed).judgements["toy-cube"]
        for seed in (1, 1, 2)
    ]
    assert grades[0] == grades[1]
    assert grades[0].message != grades[2].message
    assert {grade.points for grade in grades} == {2}
