"""Run an assembled notebook with nbval in its own process and kernel, and collect its values."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from deqlab.course.errors import CourseError
from deqlab.course.variables import FILE_VARIABLE, MEMORY_VARIABLE, SEED_VARIABLE

KERNEL = "deqlab-sandbox"
ISOLATION = "guard rail (rlimits, audit hook)"
MAX_EVENT_BYTES = 64 << 20  # of one run
START_SECONDS = 60.0  # for pytest and the kernel to start
SLACK_SECONDS = 10.0  # for nbval to stop a cell, before the run is stopped from outside
INHERITED = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "SYSTEMROOT")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


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
        Address space of the kernel (NumPy and SciPy need 1 GiB, torch 2 GiB).
    file_bytes : int
        Largest file the kernel may write.
    """

    cell_seconds: float = 30.0
    total_seconds: float = 300.0
    memory_bytes: int = 2 << 30
    file_bytes: int = 64 << 20


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
    """

    values: list[tuple[str, Any]] = field(default_factory=list)
    ends: dict[str, CellEnd] = field(default_factory=dict)

    def stopped_in(self) -> str | None:
        """Return the id of the cell that stopped the run, None if it went through."""
        return next((cell for cell, end in self.ends.items() if end.stops), None)


def run_notebook(
    notebook: NotebookNode, *, seed: int, limits: Limits, folder: Path | None = None
) -> Run:
    """Run a notebook in the sandbox.

    Parameters
    ----------
    notebook : NotebookNode
        As made by `deqlab.course.assembly.assemble`.
    seed : int
        From which scored cells draw their inputs.
    limits : Limits
    folder : Path, optional
        Work here and leave the files, instead of in a temporary folder.

    Returns
    -------
    Run

    Raises
    ------
    CourseError
        If the sandbox itself does not work: no kernel started, or nbval is not installed.
    """
    if os.name != "posix":
        raise CourseError("deqlab grade needs the resource limits of Linux or macOS")
    with ExitStack() as stack:
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="deqlab-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(temporary))
        folder = folder.resolve()
        path = _prepare(folder, notebook)
        receive, send = os.pipe()
        stack.callback(os.close, receive)
        try:
            process = subprocess.Popen(
                _command(folder, path, send, limits),
                cwd=folder,
                env=_environment(folder, seed, limits),
                pass_fds=(send,),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        finally:
            os.close(send)
        return _follow(process, receive, limits)


def _prepare(folder: Path, notebook: NotebookNode) -> Path:
    kernelspec = folder / "jupyter" / "kernels" / KERNEL / "kernel.json"
    kernelspec.parent.mkdir(parents=True)
    argv = [sys.executable, "-P", "-m", "deqlab.course.kernel", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": KERNEL, "language": "python"}
    kernelspec.write_text(json.dumps(spec), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "scratch" / "tmp").mkdir(parents=True)
    path = folder / "scratch" / "assembled.ipynb"
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def _command(folder: Path, path: Path, descriptor: int, limits: Limits) -> list[str]:
    plugins = [
        part for name in ("nbval.plugin", "deqlab.course.collector") for part in ("-p", name)
    ]
    return [
        *(sys.executable, "-P", "-m", "pytest", *plugins, "-p", "no:cacheprovider"),
        *("-c", str(folder / "pytest.ini"), "--rootdir", str(folder), "--noconftest"),
        *("--nbval-lax", "--nbval-kernel-name", KERNEL),
        *("--nbval-cell-timeout", str(limits.cell_seconds)),
        *("--deqlab-events", str(descriptor), str(path)),
    ]


def _environment(folder: Path, seed: int, limits: Limits) -> dict[str, str]:
    """Return an environment that says nothing about who runs this, or where from."""
    scratch = folder / "scratch"
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        **dict.fromkeys(THREADS, "1"),
        "HOME": str(scratch),
        "TMPDIR": str(scratch / "tmp"),
        "IPYTHONDIR": str(scratch / "tmp" / "ipython"),
        "MPLCONFIGDIR": str(scratch / "tmp" / "matplotlib"),
        "MPLBACKEND": "agg",
        "MALLOC_ARENA_MAX": "2",  # an arena reserves 64 MiB of address space for a thread
        "JUPYTER_PATH": str(folder / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter" / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter" / "runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        SEED_VARIABLE: str(seed),
        MEMORY_VARIABLE: str(limits.memory_bytes),
        FILE_VARIABLE: str(limits.file_bytes),
    }


def _follow(process: subprocess.Popen[bytes], receive: int, limits: Limits) -> Run:
    """Read events until the process ends or its time is over; then see that nothing is left."""
    run, follower, data, received = Run(), _Follower(), b"", 0
    end = time.monotonic() + limits.total_seconds
    quiet = max(START_SECONDS, limits.cell_seconds + SLACK_SECONDS)
    over = False
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(receive, selectors.EVENT_READ)
            while received < MAX_EVENT_BYTES:
                left = min(quiet, end - time.monotonic())
                over = not selector.select(max(0.0, left))
                if over or not (chunk := os.read(receive, 1 << 16)):
                    break
                quiet = limits.cell_seconds + SLACK_SECONDS
                received += len(chunk)
                *lines, data = (data + chunk).split(b"\n")
                for line in lines:
                    follower.take(run, json.loads(line))
        process.wait(1.0)
    except (subprocess.TimeoutExpired, ValueError, LookupError, TypeError):
        pass  # whoever wrote that, it was not the collector: the cell counts as killed
    finally:
        if process.poll() is None:
            _kill_session(process.pid)
            process.wait()
        _kill_session(follower.kernel)  # and what it may have left behind
    if follower.broken or follower.cell is None:
        raise CourseError(
            f"the sandbox ran no cell: {follower.broken or 'nbval did not start'}; is "
            f"deqlab[course] installed for {sys.executable}?"
        )
    if follower.cell not in run.ends:
        run.ends[follower.cell] = CellEnd("timed-out" if over else "killed")
    return run


class _Follower:
    """Where a run is."""

    def __init__(self) -> None:
        self.cell: str | None = None
        self.kernel: int | None = None
        self.broken = ""

    def take(self, run: Run, event: dict[str, Any]) -> None:
        match event["event"]:
            case "cell":
                self.cell = event["cell"]
                self.kernel = event["kernel"] or self.kernel
            case "value":
                run.values.append((event["cell"], event["payload"]))
            case "end":
                parts = (event[key] for key in ("status", "ename", "evalue", "exitcode"))
                run.ends[event["cell"]] = CellEnd(*parts)
            case "broken":
                self.broken = event["message"]


def _kill_session(pid: int | None) -> None:
    """Kill a session leader and what it started, if they are still there."""
    if pid is None:
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
