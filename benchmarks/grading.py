"""Grading a class: deqlab beside nbgrader, and a class with everything in it.

    python -m benchmarks.grading [--submissions N] [--class N] [--nbgrader PYTHON] [--output FILE]

PYTHON is that of an environment with nbgrader; its kernel is ours, so that both run the same
NumPy and torch. Rows of the table `throughput` are for one exercise each:

    seconds             of wall time from the command's start to its end, everything included
    per_submission      the same over the number of submissions
    grader_bytes        most resident memory at a time of the grader and its workers together,
                        without the processes in which submissions run
    tree_bytes          most resident memory at a time of all that the command started

deqlab runs two submissions at a time and, after them, the solution and the known mistakes.
nbgrader runs one at a time, and it runs the public checks only. One run each. The table `class`
has the outcomes of a class in which right, wrong, hostile and unreadable files are mixed.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbformat import NotebookNode

from benchmarks._record import ROOT, write
from deqlab.course.exercise import Exercise, read_exercise
from deqlab.course.releasing import release

EXERCISES = {
    "NumPy": "sol02-contractions.ipynb",
    "torch": "sol07-memory-and-time.ipynb",
}
MUTANTS = ROOT / "tests" / "grading" / "mutants"
SEED = 7
JOBS = 2
NBGRADER_AT_MOST = 10  # submissions: it takes its time, and does not slow down
HOSTILE = (
    "while True: pass",
    "import os\nos._exit(1)",
    "raise MemoryError",
    "x = bytearray(1 << 42)",
    "# NBVAL_SKIP\nraise SystemExit",
    "while True: print('x' * 10000)",
    "import socket\nsocket.create_connection(('192.0.2.1', 80), 1)",
    "open('/etc/passwd').read()",
    "emit('points', 100.0)",
)
UNREADABLE = (b"", b'{"cells": [{"cell_ty', b"%PDF-1.7", b"\xff\xfe\x00\x00", b"[]")
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "course"
c.ClearSolutions.enabled = False
c.ExecutePreprocessor.timeout = 60
"""


# ---------------------------------------------------------------- classes


def filled(exercise: Exercise, answers: dict[str, str]) -> NotebookNode:
    """The released notebook with some answers written."""
    notebook = release(exercise)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(grade_id, cell.source)
    return notebook


def honest(exercise: Exercise, number: int, rng: random.Random) -> list[NotebookNode]:
    """Submissions with a right answer, a known mistake, or nothing, to each question."""
    choices = {}
    for question in exercise.questions:
        variants = sorted((MUTANTS / question.grade_id).glob("*.py"))
        wrong = [path.read_text() for path in variants if path.stem.startswith("mutant-")]
        right = [path.read_text() for path in variants if path.stem.startswith("right-")]
        choices[question.grade_id] = [question.answer.source, *right], wrong
    notebooks = []
    for _ in range(number):
        answers = {}
        for grade_id, (right, wrong) in choices.items():
            kind = rng.random()
            if kind < 0.9:
                answers[grade_id] = rng.choice(right if kind < 0.6 else wrong)
        notebooks.append(filled(exercise, answers))
    return notebooks


def mixed(exercise: Exercise, number: int, rng: random.Random) -> Iterator[bytes]:
    """Files of a class: three quarters honest, the rest hostile or no notebooks at all."""
    good = iter(honest(exercise, number, rng))
    grade_ids = [question.grade_id for question in exercise.questions]
    right = {question.grade_id: question.answer.source for question in exercise.questions}
    for i in range(number):
        if i % 20 == 19:
            yield UNREADABLE[i // 20 % len(UNREADABLE)]
        elif i % 5 == 4:
            attack = HOSTILE[i // 5 % len(HOSTILE)]
            answers = right | {rng.choice(grade_ids): attack}
            yield nbformat.writes(filled(exercise, answers)).encode()
        else:
            yield nbformat.writes(next(good)).encode()


# ---------------------------------------------------------------- measurements


def measured(command: Sequence[str], cwd: Path, env: dict[str, str]) -> dict[str, float]:
    """Run a command; its time, and the most memory that it held."""
    started, grader, tree = time.perf_counter(), 0, 0
    with open(cwd / "log.txt", "ab") as log:
        process = psutil.Popen(command, cwd=cwd, env=env, stdout=log, stderr=log)
        while process.poll() is None:
            own, everything = _resident(process)
            grader, tree = max(grader, own), max(tree, everything)
            time.sleep(0.2)
    if process.returncode:
        text = (cwd / "log.txt").read_text(errors="replace")
        raise RuntimeError(f"{' '.join(command)} failed:\n{text[-2000:]}")
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "grader_bytes": grader,
        "tree_bytes": tree,
    }


def _resident(process: psutil.Process) -> tuple[int, int]:
    own = everything = 0
    try:
        members = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0
    for member in members:
        try:
            size = member.memory_info().rss
            is_worker = member is process or "loky" in " ".join(member.cmdline())
        except psutil.Error:
            continue
        everything += size
        own += size * is_worker
    return own, everything


def deqlab(
    exercise: Exercise, files: Sequence[bytes], folder: Path, *options: str
) -> tuple[dict[str, float], Path]:
    """Grade files as a class; what it took, and the folder of its results."""
    submissions = folder / "submissions"
    submissions.mkdir(parents=True)
    for i, content in enumerate(files):
        (submissions / f"student{i:03d}_{exercise.name}.ipynb").write_bytes(content)
    command = [
        *(sys.executable, "-m", "deqlab.cli", "grade", str(submissions)),
        *("--out", str(folder / "grades"), "--solution", str(exercise.path)),
        *("--mutants", str(MUTANTS), "--seed", str(SEED), "--jobs", str(JOBS), *options),
    ]
    return measured(command, folder, dict(os.environ)), folder / "grades"


def nbgrader(
    python: str, exercise: Exercise, files: Sequence[bytes], folder: Path
) -> dict[str, float]:
    """Autograde files with nbgrader; what it took."""
    name = exercise.name
    kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "ours", "language": "python"}))
    (folder / "nbgrader_config.py").write_text(CONFIG)
    source = folder / "source" / name / f"{name}.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(release(exercise), source)
    env = dict(os.environ) | {
        "JUPYTER_PATH": str(folder / "jupyter"),
        "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
    }
    run = [python, "-m", "nbgrader"]
    measured([*run, "generate_assignment", name, "--create", "--force"], folder, env)
    for i, content in enumerate(files):
        path = folder / "submitted" / f"student{i:03d}" / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return measured([*run, "autograde", name, "--create"], folder, env)


def throughput(kind: str, number: int, python: str | None) -> Iterator[dict[str, Any]]:
    """The rows of one exercise."""
    exercise = read_exercise(ROOT / "solutions" / EXERCISES[kind])
    notebooks = honest(exercise, number, random.Random(SEED))
    files = [nbformat.writes(notebook).encode() for notebook in notebooks]
    row = {"table": "throughput", "problem": f"{kind}: {exercise.name}", "seed": SEED}
    with tempfile.TemporaryDirectory() as folder:
        found, _ = deqlab(exercise, files, Path(folder))
    yield row | {"library": "deqlab", "method": "grade", "jobs": JOBS} | per(found, len(files))
    if python is None:
        return
    files = files[:NBGRADER_AT_MOST]
    with tempfile.TemporaryDirectory() as folder:
        found = nbgrader(python, exercise, files, Path(folder))
    yield row | {"library": "nbgrader", "method": "autograde", "jobs": 1} | per(found, len(files))


def per(found: dict[str, float], number: int) -> dict[str, float]:
    """The same with the number of submissions, and the time of one."""
    each = round(found["seconds"] / number, 2)
    return {"submissions": number, "per_submission": each} | found


def whole_class(number: int) -> Iterator[dict[str, Any]]:
    """The row of a class with everything in it, and how its questions ended."""
    exercise = read_exercise(ROOT / "solutions" / EXERCISES["NumPy"])
    files = list(mixed(exercise, number, random.Random(SEED)))
    with tempfile.TemporaryDirectory() as folder:
        found, out = deqlab(exercise, files, Path(folder), "--cell-timeout", "5")
        with open(out / "grades.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        records = [json.loads(path.read_text()) for path in (out / "records").iterdir()]
        pages = len(list((out / "feedback").iterdir()))
    outcomes = Counter(q["outcome"] for record in records for q in record["questions"])
    yield {
        "table": "class",
        "problem": exercise.name,
        "seed": SEED,
        "library": "deqlab",
        "method": "grade",
        "jobs": JOBS,
        "rows": len(rows),
        "pages": pages,
        "isolation": records[0]["isolation"],
        "outcomes": dict(outcomes.most_common()),
    } | per(found, number)


def version(python: str | None) -> str | None:
    """The version of nbgrader in an environment."""
    if python is None:
        return None
    command = "from importlib.metadata import version; print(version('nbgrader'))"
    return subprocess.check_output([python, "-c", command], text=True).strip()


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--submissions", type=int, default=100)
    parser.add_argument("--class", type=int, default=300, dest="class_size")
    parser.add_argument("--nbgrader", metavar="PYTHON", help="of an environment with nbgrader")
    default = ROOT / "benchmarks" / "results" / "grading.json"
    parser.add_argument("--output", type=Path, default=default)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for kind in EXERCISES:
        for row in throughput(kind, options.submissions, options.nbgrader):
            print(row, flush=True)
            rows.append(row)
    if options.class_size:
        for row in whole_class(options.class_size):
            print(row, flush=True)
            rows.append(row)
    write(
        options.output,
        benchmark="grading",
        rows=rows,
        cores=psutil.cpu_count(),
        nbgrader=version(options.nbgrader),
    )


if __name__ == "__main__":
    main()
