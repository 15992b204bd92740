"""The kernel of a graded run: limits first, then the guard, then ipykernel's loop.

Started as ``python -m deqlab.course.kernel -f CONNECTION_FILE`` from the run's own kernelspec.
"""

from __future__ import annotations

import os
import resource
import sys
import traceback
from types import TracebackType
from typing import Any

from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp

from deqlab.course import guard
from deqlab.course.lifetime import die_with_parent
from deqlab.course.variables import FILE_VARIABLE, MEMORY_VARIABLE, OUTPUT_VARIABLE


class BoundedStream(OutStream):  # type: ignore[misc]
    """A stream of a kernel that prints only so much: a flood fills no memory and costs no point."""

    left = 0  # characters, of all streams together

    def write(self, string: str) -> int:
        """Write what there is room for and drop the rest."""
        part = string[: BoundedStream.left] if isinstance(string, str) else string
        if part or not string:
            BoundedStream.left -= len(part)
            super().write(part)
        return len(string)


def main() -> None:
    """Run a kernel under the limits in the environment until it is told to stop."""
    die_with_parent()
    for variable, limit in ((MEMORY_VARIABLE, "RLIMIT_AS"), (FILE_VARIABLE, "RLIMIT_FSIZE")):
        number = int(os.environ.pop(variable))
        resource.setrlimit(getattr(resource, limit), (number, number))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # half of a kernel's start
    BoundedStream.left = int(os.environ.pop(OUTPUT_VARIABLE))
    app = IPKernelApp.instance(outstream_class=f"{__name__}.BoundedStream")
    app.initialize([*sys.argv[1:], "--HistoryManager.enabled=False"])
    app.shell.InteractiveTB.set_mode(mode="Minimal")  # a full one of a recursion takes seconds
    app.shell.set_custom_exc((MemoryError,), _free_memory)
    guard.arm(os.getcwd())
    app.start()


def _free_memory(
    shell: Any,
    etype: type[BaseException],
    value: BaseException,
    tb: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """Let go of what the failing frames hold, so that there is memory to report the error with."""
    traceback.clear_frames(tb)
    lines = [f"{etype.__name__}: {value}"]
    shell._showtraceback(etype, value, lines)
    return lines


if __name__ == "__main__":
    main()
