"""How far a student's code is kept apart from everything else: detected by trying, and reported.

A *namespace* is a boundary that the operating system draws (`deqlab.course.namespace`). A *guard
rail* is resource limits and an audit hook inside the student's own process
(`deqlab.course.guard`), which native code can get around. The guard rail is up at both levels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from deqlab.course.errors import CourseError
from deqlab.course.following import Limits
from deqlab.course.guard import readable_roots

LAUNCHER = Path(__file__).with_name("namespace.py")
LINKED = ("/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/etc/ld.so.cache")
PROBE_SECONDS = 20.0
PROBE_PROCESSES = 8

# Run inside: tries what a namespace must refuse, and prints what it did not.
PROBE = """
import ctypes, json, os, socket, sys
secret, limit = sys.argv[1], int(sys.argv[2])
found = []
if os.path.exists(secret) or os.path.exists("/etc/passwd"):
    found.append("files of others")
if len([name for name in os.listdir("/proc") if name.isdigit()]) > 2:
    found.append("processes of others")
if socket.if_nameindex() != [(1, "lo")]:
    found.append("network")
libc, forks = ctypes.CDLL(None), 0
while forks < limit and (child := libc.fork()) >= 0:
    if not child:
        while True: libc.pause()
    forks += 1
if forks == limit:
    found.append("number of processes")
print(json.dumps(found))
"""


class Isolation(StrEnum):
    """Level of isolation."""

    NAMESPACE = "namespace"
    GUARD_RAIL = "guard-rail"


NOT_ENFORCED = {
    Isolation.NAMESPACE: (),
    Isolation.GUARD_RAIL: (
        "network (native code)",
        "files of others (native code)",
        "processes of others (native code)",
        "number of processes (native code)",
        "memory of all processes together",
        "disk space in all",
    ),
}


@dataclass(frozen=True)
class Sandbox:
    """A level of isolation as it was found on this machine.

    Parameters
    ----------
    isolation : Isolation
    not_enforced : tuple of str
        What a submission could do that it should not; for the report.
    reason : str
        Why there is no namespace, empty if there is.
    """

    isolation: Isolation
    not_enforced: tuple[str, ...]
    reason: str = ""


def find_sandbox(isolation: Isolation | str | None = None) -> Sandbox:
    """Return the sandbox to use.

    Parameters
    ----------
    isolation : Isolation or str, optional
        The level that is wanted; by default the best that works here.

    Returns
    -------
    Sandbox

    Raises
    ------
    CourseError
        If the level does not exist, or does not work on this machine.
    """
    try:
        wanted = None if isolation is None else Isolation(isolation)
    except ValueError:
        names = ", ".join(repr(str(level)) for level in Isolation)
        raise CourseError(f"isolation is {isolation!r}; expected one of {names}") from None
    if wanted is Isolation.GUARD_RAIL:
        return Sandbox(wanted, NOT_ENFORCED[wanted], "not asked for")
    found = probe()
    if wanted is not None and found.isolation is not wanted:
        raise CourseError(
            f"no namespaces here: {found.reason}; use isolation='guard-rail', or a container or "
            "machine that allows user namespaces"
        )
    return found


def best_isolation() -> Isolation:
    """Return the best level of isolation that works on this machine."""
    return probe().isolation


@cache
def probe() -> Sandbox:
    """Try to start a program in namespaces and see from inside what they hold back."""
    level = Isolation.GUARD_RAIL
    reason = f"namespaces are Linux's, this is {sys.platform}"
    if sys.platform == "linux":
        with tempfile.TemporaryDirectory(prefix="deqlab-") as outside:
            secret = Path(outside) / "secret"
            secret.touch()
            folder = Path(outside) / "inside"
            folder.mkdir()
            python = [sys.executable, "-I", "-S", "-c", PROBE, str(secret), str(PROBE_PROCESSES)]
            limits = Limits(processes=PROBE_PROCESSES, memory_bytes=1 << 30)
            try:
                done = subprocess.run(
                    namespace_command(python, folder, 2, limits),
                    capture_output=True,
                    text=True,
                    stdin=subprocess.DEVNULL,
                    timeout=PROBE_SECONDS,
                    start_new_session=True,
                )
                found = tuple(json.loads(done.stdout))
            except ValueError:
                reason = (done.stderr.strip().splitlines() or ["no answer from inside"])[-1]
            except (OSError, subprocess.SubprocessError) as error:
                reason = str(error)
            else:
                reason = f"from inside one sees: {', '.join(found)}"
                if not set(found) - {"number of processes"}:
                    return Sandbox(Isolation.NAMESPACE, found)
    return Sandbox(level, NOT_ENFORCED[level], reason)


def namespace_command(
    command: Sequence[str], folder: Path, events: int, limits: Limits
) -> list[str]:
    """Return the command that runs another one in namespaces of its own.

    Parameters
    ----------
    command : sequence of str
        Its first word is the path of a program.
    folder : Path
        What the program may write to: a copy of this, in memory.
    events : int
        A descriptor on which the launcher notes that memory ran out.
    limits : Limits

    Returns
    -------
    list of str
    """
    root = folder / "root"
    root.mkdir()
    settings = {
        "command": list(command),
        "folder": str(folder),
        "root": str(root),
        "readable": _visible(),
        "events": events,
        "processes": limits.processes,
        "memory_bytes": limits.memory_bytes,
        "disk_bytes": limits.disk_bytes,
    }
    return [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(settings)]


@cache
def _visible() -> list[tuple[str, str]]:
    """Return ``(source, path)`` of what a program in a namespace may read."""
    package = str(Path(__file__).parents[1])
    named = (sys.prefix, sys.base_prefix, package, *sysconfig.get_paths().values(), *LINKED)
    paths = {path: os.path.realpath(path) for path in named} | {
        path: path for path in readable_roots()
    }
    pairs: list[tuple[str, str]] = []
    for path in sorted(paths):
        if os.path.islink(path) and path in LINKED:
            pairs.append((path, path))
        elif os.path.exists(path) and not any(
            path == seen or path.startswith(seen + os.sep) for _, seen in pairs
        ):
            pairs.append((paths[path], path))
    return pairs
