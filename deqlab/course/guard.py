"""An audit hook that keeps a kernel to its scratch folder: a guard rail, not a boundary.

Once armed it cannot be removed. It refuses to open files outside an allow-list, to change anything
outside the scratch folder, sockets, child processes and signals to other processes. Code that
calls the C library by other means than Python's (``ctypes``, an extension module) is not stopped by
it; a container or a namespace is what stops that.
"""

from __future__ import annotations

import _posixsubprocess
import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

DEVICES = ("/dev/null", "/dev/urandom", "/dev/zero")
SYSTEM = ("/usr/lib", "/usr/local/lib", "/usr/share", "/lib", "/lib64", "/etc/localtime")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# event -> positions of (path, dir_fd) pairs that must lie in the scratch folder
CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.link": ((0, 2), (1, 3)),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.removexattr": ((0, None),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.setxattr": ((0, None),),
    "os.symlink": ((0, None), (1, 2)),
    "os.truncate": ((0, None),),
    "os.utime": ((0, 3),),
}
REFUSED = frozenset(
    (
        *(
            "os.exec",
            "os.fork",
            "os.killpg",
            "os.forkpty",
            "os.posix_spawn",
            "os.spawn",
            "os.startfile",
        ),
        *("os.system", "pty.spawn", "subprocess.Popen", "sys.remote_exec"),
        *("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyaddr"),
        *("socket.gethostbyname", "socket.sendmsg", "socket.sendto"),
    )
)
LISTINGS = frozenset(("os.listdir", "os.scandir"))


class RefusedError(PermissionError):
    """The sandbox does not allow this."""


def readable_roots() -> tuple[str, ...]:
    """Return the folders that hold the interpreter, its libraries and this package."""
    paths = [sys.prefix, sys.base_prefix, *site.getsitepackages(), *sysconfig.get_paths().values()]
    package = Path(__file__).parents[1]
    return tuple(_resolve(path) for path in (*paths, package, *SYSTEM, *DEVICES))


def arm(scratch: str | Path) -> None:
    """Refuse, from now on and for good, what the module describes.

    Parameters
    ----------
    scratch : path-like
        The only folder that may be written to.
    """
    sys.addaudithook(_hook(_resolve(scratch), readable_roots()))
    _posixsubprocess.fork_exec = _refuse_fork_exec  # it raises no audit event
    shutil._use_fd_functions = False  # type: ignore[attr-defined]  # rmtree by paths, not folders


def _refuse_fork_exec(*_: object) -> int:
    raise RefusedError("the sandbox does not allow to start a program")


def _resolve(path: Any) -> str:
    return os.path.realpath(os.fsdecode(path))


def _hook(scratch: str, roots: Iterable[str]) -> Callable[[str, tuple[Any, ...]], None]:
    read = tuple({scratch, *roots})

    def inside(path: str, folders: Iterable[str]) -> bool:
        return any(path == folder or path.startswith(folder + os.sep) for folder in folders)

    def locate(path: Any, dir_fd: Any = None) -> str:
        if isinstance(dir_fd, int) and dir_fd >= 0 and not os.path.isabs(os.fsdecode(path)):
            path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), os.fsdecode(path))
        return _resolve(path)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = args
            if isinstance(path, int) or path is None:
                return
            place = locate(path)
            if os.path.isdir(place):  # other paths could start there, which no event tells
                raise RefusedError(f"the sandbox does not let an answer open the folder {place}")
            writing = bool(flags & WRITING) or (
                isinstance(mode, str) and not set(mode) <= set("rbtU")
            )
            if place in DEVICES:
                return
            if not inside(place, (scratch,) if writing else read):
                verb = "write to" if writing else "read"
                raise RefusedError(f"the sandbox does not let an answer {verb} {place}")
        elif event in LISTINGS:
            path = args[0]
            if not isinstance(path, int) and not inside(
                locate("." if path is None else path), read
            ):
                raise RefusedError(f"the sandbox does not let an answer list {path}")
        elif event in CHANGES:
            for position, fd_position in CHANGES[event]:
                path = args[position]
                fd = args[fd_position] if fd_position is not None else None
                if isinstance(path, int) or not inside(locate(path, fd), (scratch,)):
                    raise RefusedError(f"the sandbox does not let an answer change {path}")
        elif event in REFUSED or (event == "os.kill" and args[0] != os.getpid()):
            raise RefusedError(f"the sandbox does not allow {event}")

    return hook
