"""Run an assembled notebook with nbval in its own process and kernel, and collect its values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from deqlab.course.errors import CourseError
from deqlab.course.following import Limits, Run, follow
from deqlab.course.sandbox import Isolation, find_sandbox, namespace_command
from deqlab.course.variables import (
    FILE_VARIABLE,
    MEMORY_VARIABLE,
    OUTPUT_VARIABLE,
    SEED_VARIABLE,
)

KERNEL = "deqlab-sandbox"
INHERITED = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "SYSTEMROOT")
LEFT_OUT = (  # plugins of pytest that cells do without; each run saves a fifth of nbval's start
    *("cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "logging"),
    *("monkeypatch", "pastebin", "recwarn", "setuponly", "setupplan", "stepwise", "subtests"),
    *("threadexception", "tmpdir", "unittest", "unraisableexception", "warnings"),
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_notebook(
    notebook: NotebookNode,
    *,
    seed: int,
    limits: Limits,
    isolation: Isolation | str | None = None,
    folder: Path | None = None,
) -> Run:
    """Run a notebook in the sandbox.

    Parameters
    ----------
    notebook : NotebookNode
        As made by `deqlab.course.assembly.assemble`.
    seed : int
        From which scored cells draw their inputs.
    limits : Limits
    isolation : Isolation or str, optional
        The best level that works here by default.
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
    contained = find_sandbox(isolation).isolation is Isolation.NAMESPACE
    with ExitStack() as stack:
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="deqlab-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(temporary))
        folder = folder.resolve()
        path = _prepare(folder, notebook)
        receive, send = os.pipe()
        stack.callback(os.close, receive)
        command = _command(folder, path, send, limits)
        if contained:
            command = namespace_command(command, folder, send, limits)
        try:
            process = subprocess.Popen(
                command,
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
        return follow(process, receive, limits, contained=contained)


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
    plugins = ["nbval.plugin", "deqlab.course.collector", *(f"no:{name}" for name in LEFT_OUT)]
    return [
        *(sys.executable, "-P", "-m", "pytest", "--assert=plain", "-s"),
        *(word for plugin in plugins for word in ("-p", plugin)),
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
        OUTPUT_VARIABLE: str(limits.output_bytes),
    }
