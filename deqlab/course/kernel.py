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

from ipykernel.kernelapp import IPKernelApp

from deqlab.course import guard
from deqlab.course.lifetime import die_with_parent
from deqlab.course.variables import FILE_VARIABLE, MEMORY_VARIABLE


def main() -> None:
    """Run a kernel under the limits in the environment until it is told to stop."""
    die_with_parent()
    for variable, limit in ((MEMORY_VARIABLE, "RLIMIT_AS"), (FILE_VARIABLE, "RLIMIT_FSIZE")):
        number = int(os.environ.pop(variable))
        resource.setrlimit(getattr(resource, limit), (number, number))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    app = IPKernelApp.instance()
    app.initialize([*sys.argv[1:], "--HistoryManager.enabled=False"])
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
