"""Follow a run from outside: limits, what came out, and the end of everything that was started."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from deqlab.course.errors import CourseError

MAX_EVENT_BYTES = 16 << 20  # of one run
START_SECONDS = 60.0  # for pytest and the kernel to start
SLACK_SECONDS = 10.0  # for nbval to stop a cell, before the run is stopped from outside


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a run may use.

    Parameters
    ----------
    cell_seconds : float
        Of one cell.
    total_seconds : float
        Of all cells and the kernel's start together.
    memory_bytes : int
        Address space of the kernel (NumPy and SciPy need 1 GiB, torch 2 GiB); in a namespace also
        the memory of all its processes together.
    file_bytes : int
        Largest file the kernel may write.
    disk_bytes : int
        Of all files together; in a namespace.
    processes : int
        Processes and threads, the thirty or so of nbval and the kernel included; in a namespace.
    output_bytes : int
        Text that is printed; what comes after it is dropped.
    """

    cell_seconds: float = 30.0
    total_seconds: float = 300.0
    memory_bytes: int = 2 << 30
    file_bytes: int = 64 << 20
    disk_bytes: int = 256 << 20
    processes: int = 128
    output_bytes: int = 1 << 20


@dataclass(frozen=True)
class CellEnd:
    """How a cell ended: ``passed``, ``raised``, ``differs``, ``timed-out``, ``out-of-memory`` or
    ``killed``, with the name and text of what it raised and the exit code of a dead kernel."""

    status: str
    ename: str = ""
    evalue: str = ""
    exitcode: int | None = None

    @property
    def stops(self) -> bool:
        """Whether nothing after this cell was run."""
        return self.status not in ("passed", "raised", "differs")


@dataclass
class Run:
    """What came out of a run.

    Parameters
    ----------
    values : list of tuple
        ``(cell id, payload)`` in the order in which they were emitted; payloads are untrusted.
    ends : dict of str to CellEnd
        By cell id, in the order of the run.
    seconds : dict of str to float
        Wall time of each cell.
    """

    values: list[tuple[str, Any]] = field(default_factory=list)
    ends: dict[str, CellEnd] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def stopped_in(self) -> str | None:
        """Return the id of the cell that stopped the run, None if it went through."""
        return next((cell for cell, end in self.ends.items() if end.stops), None)


def follow(
    process: subprocess.Popen[bytes], receive: int, limits: Limits, *, contained: bool = False
) -> Run:
    """Read events until the process ends or its time is over; then see that nothing is left.

    Parameters
    ----------
    process : Popen
        The nbval process, a session leader.
    receive : int
        Reading end of the pipe on which `deqlab.course.collector` writes.
    limits : Limits
    contained : bool
        Whether the process has namespaces of its own: its kernel ends with it, and the numbers of
        its processes mean nothing outside.

    Returns
    -------
    Run

    Raises
    ------
    CourseError
        If no cell was run.
    """
    run, follower, data, received = Run(), _Follower(), b"", 0
    end = time.monotonic() + limits.total_seconds
    quiet = max(START_SECONDS, limits.cell_seconds + SLACK_SECONDS)
    over = False
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(receive, selectors.EVENT_READ)
            while received < MAX_EVENT_BYTES and not follower.over:
                left = min(quiet, end - time.monotonic())
                over = not selector.select(max(0.0, left))
                if over or not (chunk := os.read(receive, 1 << 16)):
                    break
                quiet = limits.cell_seconds + SLACK_SECONDS
                received += len(chunk)
                *lines, data = (data + chunk).split(b"\n")
                for line in lines:
                    follower.take(run, json.loads(line))
    except (ValueError, LookupError, TypeError, RecursionError):
        pass  # whoever wrote that, it was not the collector: the cell counts as killed
    finally:
        if process.poll() is None:
            _kill_session(process.pid)
            process.wait()
        if not contained:
            _kill_session(follower.kernel)  # and what it may have left behind
    if follower.broken or follower.cell is None:
        raise CourseError(
            f"the sandbox ran no cell: {follower.broken or 'nbval did not start'}; is "
            f"deqlab[course] installed for {sys.executable}?"
        )
    follower.stop_clock(run)
    if follower.cell not in run.ends:
        run.ends[follower.cell] = CellEnd("timed-out" if over else "killed")
    return run


class _Follower:
    """Where a run is."""

    def __init__(self) -> None:
        self.cell: str | None = None
        self.kernel: int | None = None
        self.broken = ""
        self.over = False
        self.since = time.monotonic()

    def take(self, run: Run, event: dict[str, Any]) -> None:
        """Note one event."""
        match event["event"]:
            case "cell":
                self.stop_clock(run)
                self.cell = event["cell"]
                if self.kernel is None:  # the first comes before any code of a student
                    self.kernel = event["kernel"]
            case "value":
                run.values.append((event["cell"], event["payload"]))
            case "end":
                status, ename, evalue = (str(event[key]) for key in ("status", "ename", "evalue"))
                run.ends[event["cell"]] = CellEnd(status, ename, evalue, event["exitcode"])
            case "memory":
                if self.cell is not None:
                    run.ends[self.cell] = CellEnd("out-of-memory")
                self.over = True
            case "last":
                self.over = True
            case "broken":
                self.broken = event["message"]

    def stop_clock(self, run: Run) -> None:
        """Note how long the present cell has taken."""
        now = time.monotonic()
        if self.cell is not None:
            run.seconds[self.cell] = now - self.since
        self.since = now


def _kill_session(pid: int | None) -> None:
    """Kill a session leader and what it started, if they are still there."""
    if pid is None:
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
