"""Hostile and broken submissions: each has its outcome, and none earns a point it did not earn.

Every submission attacks ``toy-cube`` (3 points) and answers the other questions as given, so
that what an attack costs the others is seen too. Honest answers to those are worth 3 points.
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


# those that `make check` runs
SAMPLE = ("NBVAL_SKIP", "patches print, check and close", "emits a guess first", "os._exit")

# answer -> outcome of the attacked question; it never earns a point
ATTACKS = {
    "nothing but a comment": ("# no answer", "raised"),
    "syntax error": ("def cube(x", "raised"),
    "helper left in another cell": ("def cube(x):\n    return helper(x)", "raised"),
    "returns nothing": ("def cube(x):\n    x * x * x", "wrong"),
    "returns an object that equals everything": (
        """
class Evil(np.ndarray):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return np.zeros(np.shape(other))
    def __le__(self, other): return True
def cube(x):
    return np.zeros(np.shape(x)).view(Evil)""",
        "wrong",
    ),
    "returns an opaque object": (
        """
class Evil:
    def __eq__(self, other): return True
    __array__ = None
def cube(x):
    return Evil()""",
        "wrong",
    ),
    "NBVAL_SKIP": (f"# NBVAL_SKIP\n{WRONG}", "wrong"),
    "NBVAL_RAISES_EXCEPTION": (f"# NBVAL_RAISES_EXCEPTION\n{WRONG}", "wrong"),
    "prints ok": (f"{WRONG}\nprint('ok', 3.0, 'all tests passed')\n3.0", "wrong"),
    "patches print, check and close": (
        f"""{WRONG}
import builtins, deqlab.course, deqlab.course.verdicts
check = deqlab.course.check = deqlab.course.verdicts.check = lambda *a, points, **k: points
close = holds = deqlab.course.close = lambda *a, **k: None
builtins.print = lambda *a, **k: None""",
        "wrong",
    ),
    "patches the comparison": (
        f"""{WRONG}
import numpy.testing, math, deqlab.course.comparison, deqlab.course.judging
from deqlab.course.comparison import Comparison
yes = lambda *a, **k: Comparison(True, 0.0, "")
deqlab.course.comparison.compare = deqlab.course.judging.compare = yes
np.allclose = np.isclose = np.array_equal = math.isclose = lambda *a, **k: True""",
        "wrong",
    ),
    "patches the inputs": (
        f"""{WRONG}
from deqlab.course import scored_rng as real
def scored_rng(grade_id):
    return np.random.default_rng(0) if grade_id == "toy-cube" else real(grade_id)""",
        "wrong",
    ),
    "makes the inputs trivial": (
        f"""{WRONG}
class Zeros:
    def normal(self, size): return np.zeros(size)
scored_rng = lambda grade_id: Zeros() if grade_id == "toy-cube" else real(grade_id)
from deqlab.course import scored_rng as real""",
        "wrong",
    ),
    "emits nothing": (
        f"{WRONG}\nsend = emit\ndef emit(name, value):\n    name[0] == 'n' or send(name, value)",
        "tampered",
    ),
    "emits a guess first": (
        """
def cube(x):
    emit(f"n = {len(x)}", np.zeros(len(x)))
    return np.ones(len(x))""",
        "tampered",
    ),
    "emits a bonus": (
        "def cube(x):\n    emit('points', 3.0)\n    return np.zeros(len(x))",
        "tampered",
    ),
    "emits from the answer cell": (
        f"{WRONG}\nfor n in (3, 4, 5):\n    emit(f'n = {{n}}', np.zeros(n))",
        "wrong",
    ),
    "emits verdicts instead of values": (
        """
from IPython.display import display
send = emit
def emit(name, value):
    if name[0] != "n":
        return send(name, value)
    verdict = {"name": name, "outcome": "ok", "points": 3, "agrees": True}
    display({"application/vnd.deqlab.value+json": verdict}, raw=True)
def cube(x): return x""",
        "tampered",
    ),
    "emits a pickle": (
        """
from IPython.display import display
send = emit
def emit(name, value):
    if name[0] != "n":
        return send(name, value)
    payload = {"kind": "pickle", "data": "gASVAAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU"}
    display({"application/vnd.deqlab.value+json": {"name": name, "value": payload}}, raw=True)
def cube(x): return x""",
        "tampered",
    ),
    "emits a flood": (
        """
from IPython.display import display
def cube(x):
    for k in range(300):
        payload = {"name": f"{k}", "value": "x" * 9999}
        display({"application/vnd.deqlab.value+json": payload}, raw=True)
    return x""",
        "tampered",
    ),
    "writes to the pipe of the events": (
        """
import os, json
def cube(x):
    for fd in range(3, 64):
        try:
            os.write(fd, b'{"event": "end", "cell": "toy-cube-scored", "status": "passed"}\\n')
        except OSError:
            pass
    return x""",
        None,
    ),
    "reads the solution": (
        """
from pathlib import Path
import deqlab, os
def cube(x):
    folders = [Path(deqlab.__file__).parents[1], Path.cwd(), *Path.cwd().parents]
    for folder in folders:
        for root, _, names in os.walk(folder):
            for name in names:
                if name.startswith(("sol00", "assembled")):
                    return x**3
    return x""",
        "wrong",
    ),
    "asks its parents": (
        """
import os
def cube(x):
    with open(f"/proc/{os.getppid()}/cmdline") as file:
        return file.read()""",
        "raised",
    ),
    "starts a program": ("import subprocess\nsubprocess.run(['true'])\n" + WRONG, "raised"),
    "calls a shell": ("!true\n" + WRONG, "raised"),
    "forks": ("import os\n[os.fork() for _ in range(9)]\n" + WRONG, "raised"),
    "uses the network": (
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9')\n" + WRONG,
        "raised",
    ),
    "kills its parent": (
        "import os, signal\ndef cube(x):\n    os.kill(os.getppid(), signal.SIGKILL)",
        "raised",
    ),
    "resets the namespace": ("%reset -f\n", "raised"),
    "infinite loop": ("def cube(x):\n    while True: pass", "timed-out"),
    "infinite loop that survives an interrupt": (
        """
def cube(x):
    while True:
        try:
            while True: pass
        except BaseException:
            pass""",
        "timed-out",
    ),
    "infinite loop in the answer cell": ("while True: pass", "timed-out"),
    "sleeps": ("import time\ntime.sleep(1e6)", "timed-out"),
    "endless output": ("def cube(x):\n    while True: print('y' * 1000)", "timed-out"),
    "waits for input": ("def cube(x):\n    return input()", "raised"),
    "os._exit": ("import os\ndef cube(x):\n    os._exit(0)", "killed"),
    "sys.exit": ("import sys\ndef cube(x):\n    sys.exit(0)", "raised"),
    "kills itself": (
        "import os, signal\ndef cube(x):\n    os.kill(os.getpid(), signal.SIGKILL)",
        "killed",
    ),
    "segmentation fault": ("import ctypes\ndef cube(x):\n    ctypes.string_at(0)", "killed"),
    "recursion without end": ("def cube(x):\n    return cube(x)", "raised"),
    "memory bomb": ("def cube(x):\n    return np.ones(10**10)", "out-of-memory"),
    "memory bomb in pieces": (
        "def cube(x):\n    hoard = []\n    while True: hoard.append(np.empty(10**6))",
        "out-of-memory",
    ),
    "huge file": (
        """
def cube(x):
    with open("big", "wb") as file:
        for _ in range(200):
            file.write(bytes(10**6))
    return x""",
        None,
    ),
}


@pytest.mark.parametrize(
    "name",
    [name if name in SAMPLE else pytest.param(name, marks=pytest.mark.slow) for name in ATTACKS],
)
def test_an_attack_has_its_outcome_and_earns_nothing(graded_toy, name):
    answer, expected = ATTACKS[name]
    grade = graded_toy.grade({**HONEST, "toy-cube": answer})
    got, points = outcome(grade)
    assert points == 0
    assert got == expected or (
        expected is None and got in ("raised", "killed", "timed-out", "wrong", "tampered")
    )
    for grade_id in HONEST:
        others = grade.judgements[grade_id]
        if name == "resets the namespace":  # takes the imports of the others with it
            assert others.outcome is Outcome.RAISED
        else:
            assert others.outcome is Outcome.OK, others.message


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
        assert eventually(lambda: len(descendants(grader.pid)) == 2)
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
