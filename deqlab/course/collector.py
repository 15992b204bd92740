"""A pytest plugin in the nbval process: it hands on what leaves the kernel and notices its death.

Events are JSON lines on a pipe that the kernel does not inherit. They say what happened in the
student's kernel, so the grader believes none of them beyond the values they carry.

nbval waits for a kernel's reply up to the cell timeout even if the kernel is gone, and carries on
after a timeout; here the wait ends within ``POLL`` seconds of the death, and the run at the first
cell that was stopped.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Generator
from functools import partialmethod
from queue import Empty
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from nbval.kernel import RunningKernel

from deqlab.course.emission import VALUE_MIME
from deqlab.course.lifetime import close_to_others, die_with_parent
from deqlab.course.values import MAX_BYTES
from deqlab.course.variables import MEMORY_VARIABLE

POLL = 0.2  # s between two looks at whether the kernel lives
GRACE = 2.0  # s for a kernel that was interrupted to say so
MAX_VALUES = 256  # of one cell
MEMORY_BYTES = 512 << 20  # address space of nbval itself: what floods in from a kernel ends there


class KernelDiedError(Exception):
    """The kernel process ended while a cell ran."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the file descriptor of the pipe to the grader."""
    parser.addoption("--deqlab-events", type=int, required=True)


def pytest_configure(config: pytest.Config) -> None:
    """Take over the pipe and teach nbval's kernel to notice its end."""
    die_with_parent()
    close_to_others()
    hard = int(os.environ[MEMORY_VARIABLE])
    resource.setrlimit(resource.RLIMIT_AS, (min(MEMORY_BYTES, hard), hard))
    descriptor = config.getoption("--deqlab-events")
    os.set_inheritable(descriptor, False)
    config.pluginmanager.register(Collector(descriptor))
    RunningKernel.get_message = _watched(RunningKernel.get_message)
    client: Any = BlockingKernelClient
    # A kernel that broke its sockets would block the heartbeat thread, and with it the end.
    client.start_channels = partialmethod(client.start_channels, hb=False)


def _watched(get_message: Any) -> Any:
    def watched(self: RunningKernel, stream: str, timeout: float | None = None) -> Any:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = POLL if deadline is None else deadline - time.monotonic()
            try:
                message = get_message(self, stream, timeout=max(0.0, min(POLL, left)))
                if stream == "shell":
                    self.reply = message["content"]
                return message
            except Empty:
                if not self.is_alive():
                    raise KernelDiedError from None
                if deadline is not None and time.monotonic() >= deadline:
                    raise

    return watched


class Collector:
    """Reports on cells as they run."""

    def __init__(self, descriptor: int) -> None:
        self.pipe = os.fdopen(descriptor, "w", encoding="utf-8")

    def send(self, **event: object) -> None:
        """Write one event."""
        self.pipe.write(json.dumps(event) + "\n")
        self.pipe.flush()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Delete the assembled notebook, and make NBVAL comments in answers inert."""
        cells: list[Any] = session.items
        for path in {item.path for item in cells}:
            path.unlink()
        for item in cells:
            if item.cell.metadata["role"] != "given":
                item.options.clear()
            item.output_timeout = GRACE

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: Any) -> Generator[None, None, None]:
        """Announce a cell before it runs."""
        item.parent.kernel.reply = {}
        provisioner = item.parent.kernel.km.provisioner if item.parent.kernel.is_alive() else None
        self.send(event="cell", cell=item.cell.id, kernel=getattr(provisioner, "pid", None))
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: Any, call: pytest.CallInfo[None]
    ) -> Generator[None, None, None]:
        """Hand on the values of a cell and how it ended."""
        yield
        if call.when == "setup" and call.excinfo:
            self.send(event="broken", message=str(call.excinfo.value)[:2000])
        if call.when != "call":
            return
        reply = item.parent.kernel.reply
        error: dict[str, Any] = reply if reply.get("status") == "error" else {}
        for output in list(item.test_outputs or [])[: 2 * MAX_VALUES]:
            if output.output_type == "error":
                error = output
            payload = (output.get("data") or {}).get(VALUE_MIME)
            if payload is not None:
                self.send_value(item.cell.id, payload)
        status = self.status(item, call, error)
        self.send(
            event="end",
            cell=item.cell.id,
            status=status,
            ename=str(error.get("ename", ""))[:200],
            evalue=str(error.get("evalue", ""))[:2000],
            exitcode=_exit_code(item),
        )
        if status not in ("passed", "raised", "differs"):
            item.session.shouldstop = f"stopped at {item.cell.id}: {status}"
        if item.session.shouldstop or item is item.session.items[-1]:
            self.send(event="last")

    def send_value(self, cell: str, payload: object) -> None:
        """Hand on one emitted value, if it is of a size that `decode` would look at."""
        text = json.dumps(payload)
        payload = payload if len(text) <= MAX_BYTES + 1024 else None
        self.send(event="value", cell=cell, payload=payload)

    def status(self, item: Any, call: pytest.CallInfo[None], error: dict[str, Any]) -> str:
        """Say how a cell ended."""
        if item.parent.timed_out:
            return "timed-out"
        if call.excinfo is None:
            return "raised" if error else "passed"
        if not item.parent.kernel.is_alive():
            return "killed"
        if str(error.get("ename", "")).endswith("MemoryError"):
            return "out-of-memory"
        return "raised" if error else "differs"


def _exit_code(item: Any) -> int | None:
    manager = getattr(item.parent.kernel, "km", None)
    process = getattr(getattr(manager, "provisioner", None), "process", None)
    return getattr(process, "returncode", None)
