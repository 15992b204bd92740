"""Events are believed for the values they carry; nonsense among them harms nobody else."""

import json
import os
import subprocess
import sys
import time

import pytest

from deqlab.course.errors import CourseError
from deqlab.course.following import Limits, follow

CELL = {"event": "cell", "cell": "a", "kernel": None}
END = {"event": "end", "cell": "a", "status": "passed", "ename": "", "evalue": "", "exitcode": None}


def run(*lines, code="", limits=None):
    """Follow a process that writes the given lines, then runs code."""
    receive, send = os.pipe()
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    program = f"import os, time\nos.write({send}, {text.encode()!r})\n{code}"
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", program], pass_fds=(send,), start_new_session=True
        )
        os.close(send)
        result = follow(process, receive, limits or Limits())
        assert process.poll() is not None
    finally:
        os.close(receive)
    return result


def test_a_run_that_goes_through():
    value = {"event": "value", "cell": "a", "payload": {"name": "x"}}
    result = run(CELL, value, END)
    assert result.values == [("a", {"name": "x"})]
    assert result.ends["a"].status == "passed"
    assert result.stopped_in() is None


@pytest.mark.parametrize(
    "line",
    [
        "not JSON\n",
        "[1, 2]\n",
        "3\n",
        "{}\n",
        '{"event": "end", "cell": "a"}\n',
        '{"event": "end", "cell": [], "status": 1, "ename": 1, "evalue": 1, "exitcode": 1}\n',
        '{"event": "unknown"}\n',
        "\xff\xfe\n",
        "[" * 100_000 + "\n",
        "half a li",
    ],
)
def test_nonsense_counts_as_the_death_of_the_cell(line):
    result = run(CELL, line)
    assert result.stopped_in() == "a"
    assert result.ends["a"].status == "killed"


def test_only_the_first_kernel_is_believed():
    victim = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    with victim:
        run({**CELL, "kernel": 2**22 + 1}, {**CELL, "kernel": victim.pid}, END)
        assert victim.poll() is None
        victim.kill()


def test_a_process_that_falls_silent_is_stopped(monkeypatch):
    monkeypatch.setattr("deqlab.course.following.START_SECONDS", 1.0)
    monkeypatch.setattr("deqlab.course.following.SLACK_SECONDS", 1.0)
    started = time.monotonic()
    result = run(CELL, code="time.sleep(600)", limits=Limits(cell_seconds=0.5))
    assert time.monotonic() - started < 60
    assert result.ends["a"].status == "timed-out"


def test_a_process_that_never_ends_is_stopped():
    started = time.monotonic()
    result = run(CELL, code="while True: time.sleep(0.1)", limits=Limits(total_seconds=2.0))
    assert time.monotonic() - started < 60
    assert result.ends["a"].status == "timed-out"


def test_nothing_run_is_the_instructor_s_problem():
    with pytest.raises(CourseError, match="ran no cell"):
        run()
    with pytest.raises(CourseError, match="no such kernel"):
        run({"event": "broken", "message": "no such kernel"})
