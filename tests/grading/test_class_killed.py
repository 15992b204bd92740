"""The grader is killed at any moment; resuming gives the table of a run that was not."""

import subprocess
import sys
import time

import nbformat
import psutil
import pytest

from deqlab.cli import main

pytestmark = pytest.mark.slow

CUBES = ("x**3", "x * x", "x**3 if len(x) < 5 else x", "[][1]")
BROKEN = 4  # files that cost no time
PATIENCE = 120.0  # s, for a loaded machine


def command(toy, out):
    return [
        *("grade", str(toy.folder / "submissions"), "--out", str(out)),
        *("--solution", str(toy.folder / "sol00-toy.ipynb"), "--mutants", str(toy.folder / "none")),
        *("--seed", "5", "--jobs", "2", "--cell-timeout", "5", "--memory", "1", "--resume"),
    ]


def write_class(toy):
    toy.write()
    root = toy.folder / "submissions"
    root.mkdir()
    for i, answer in enumerate(CUBES):
        answers = {"toy-cube": f"def cube(x):\n    return {answer}"}
        nbformat.write(toy.submission(answers), root / f"student{i}.ipynb")
    for i in range(BROKEN):
        (root / f"broken{i}_ex00-toy.ipynb").write_text(f'{{"cells": {i}')


def count(folder):
    return len(list(folder.glob("*.json")))


def kill_when(arguments, reached):
    """Start the grader and kill it when something is reached; it must not have ended before."""
    process = psutil.Popen(
        [sys.executable, "-m", "deqlab.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert process.poll() is None, "the grader ended before it could be killed"
        assert time.monotonic() < deadline, "the grader got nowhere"
        time.sleep(0.002)
    started = process.children(recursive=True)
    process.kill()
    process.wait(10.0)
    return started


def test_killed_at_every_stage_and_resumed_gives_the_same_bytes(toy, tmp_path, capsys):
    """In turn: as it starts, with some records, with one more, while it compares, as it writes."""
    write_class(toy)
    whole, broken = tmp_path / "whole", tmp_path / "killed"
    assert main(command(toy, whole)) == 0
    wanted = (whole / "grades.csv").read_bytes()
    assert len(wanted.splitlines()) == 1 + len(CUBES) + BROKEN
    collected, records = broken / "collected", broken / "records"
    arguments, total = command(toy, broken), len(CUBES) + BROKEN
    stages = [
        (broken / "manifest.json").exists,
        lambda: count(collected) >= BROKEN + 1,
        lambda: count(collected) >= BROKEN + 3,
        lambda: count(collected) == total and count(records) >= 1,
        lambda: any((broken / "feedback").glob("*.html")),
    ]
    for reached in stages:
        kill_when(arguments, reached)
        assert not (broken / "grades.csv").exists()
    assert main(arguments) == 0
    assert (broken / "grades.csv").read_bytes() == wanted
    left = [
        path for path in broken.rglob("*") if "unfinished" in path.name or "started" in path.name
    ]
    assert left == []
    capsys.readouterr()


def test_killed_while_submissions_run_nothing_of_it_is_left(toy, tmp_path):
    write_class(toy)
    collected = tmp_path / "out" / "collected"
    started = kill_when(command(toy, tmp_path / "out"), lambda: count(collected) > BROKEN)
    assert len(started) >= 4  # workers, nbval, kernels
    _, left = psutil.wait_procs(started, timeout=PATIENCE)
    assert left == []
