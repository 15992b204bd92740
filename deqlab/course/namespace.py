"""Start a program in Linux namespaces of its own: ``python -I -S namespace.py SETTINGS``.

The program sees no network but its own loopback, no process but its own, and a file system that
holds the interpreter, its libraries and devices read-only and the run's folder, in memory and of
limited size. It runs without privileges, under a user id that nothing else has where the caller is
root, with a limit on processes, and it ends with whoever started it. The first process of the
namespace watches the memory of all of them together; system calls that give memory which belongs
to no process, and which it could not see, do not exist inside.

Only the standard library is imported: this is on the way of every submission.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import platform
import resource
import shutil
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

MEMORY_EVENT = {"event": "memory"}  # what the pipe to the grader gets if memory runs out
POLL = 0.1  # s between two looks at memory
SPARE_BYTES = 512 << 20  # what nbval may use beside the kernel
FIRST_OWN_UID = 1_900_000_000  # beyond what systemd, containers or directories hand out

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUTS = 0x00020000, 0x08000000, 0x04000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
SPACES = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID | CLONE_NEWNET
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE, SYS_MOUNT_SETATTR = -100, 0x8000, 442
SYS_PIVOT_ROOT = {"x86_64": 155}.get(platform.machine(), 41)  # 41 on aarch64 and riscv64
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
LAST_CAPABILITY = 40
OPEN_FILES = 256  # of one process; each may be a socket with a buffer

# machine -> its number in a system call's record, and the numbers of what is left out:
# memfd_create, shmget, msgget, memfd_secret, io_uring_setup
LEFT_OUT = {
    "x86_64": (0xC000003E, (319, 29, 68, 447, 425)),
    "aarch64": (0xC00000B7, (279, 194, 186, 447, 425)),
    "riscv64": (0xC00000F3, (279, 194, 186, 447, 425)),
}
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # of the kernel's packet filters
CALL_AT, MACHINE_AT = 0, 4  # offsets in a system call's record
ALLOW, NO_SUCH_CALL = 0x7FFF0000, 0x00050000 | errno.ENOSYS
OTHER_CONVENTIONS = 0x40000000  # from here on x86 counts the calls of a 32-bit convention

libc = ctypes.CDLL(None, use_errno=True)


def main(settings: dict[str, Any]) -> int:
    """Run ``settings["command"]`` and return its exit status.

    Parameters
    ----------
    settings : dict
        ``command``; ``folder``, copied into memory and the only place that can be written to;
        ``readable``, pairs of a folder, file or device and the path at which the program sees it;
        ``root``, an empty folder; ``events``, a descriptor that is handed on; ``processes``,
        ``memory_bytes`` and ``disk_bytes``, the limits.
    """
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    uid = os.getuid()
    own = FIRST_OWN_UID + os.getpid()
    try:
        if uid != 0:
            raise PermissionError
        _call("unshare", SPACES)
    except PermissionError:
        _enter_user_namespace(SPACES | CLONE_NEWUSER)
        own = uid
    first = os.fork()
    if first:
        os.close(settings["events"])
        return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    _build_root(settings, own if own != uid else None)
    _loopback_up()
    _drop_privileges(own, uid)
    resource.setrlimit(resource.RLIMIT_NPROC, (settings["processes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))
    worker = os.fork()
    if not worker:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
        os.chdir(settings["folder"])
        os.execv(settings["command"][0], settings["command"])
    return _watch(worker, settings)


def _build_root(settings: dict[str, Any], owner: int | None) -> None:
    """Make a root file system of what may be seen, and let go of the old one."""
    root, folder = Path(settings["root"]), settings["folder"]
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    size = f"size={settings['disk_bytes']},nr_inodes=20000,mode=755"
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, size)
    for source, path in settings["readable"]:
        _show(Path(source), root / path.lstrip("/"))
    inside = root / folder.lstrip("/")
    shutil.copytree(folder, inside, ignore=lambda *_: [root.name], dirs_exist_ok=True)
    if owner is not None:
        for place in (inside, *inside.rglob("*")):
            os.chown(place, owner, owner)
    (root / "proc").mkdir()
    _mount("proc", root / "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    os.chdir(root)
    _check(libc.syscall(SYS_PIVOT_ROOT, b".", b"."), "pivot_root")
    _check(libc.umount2(b".", MNT_DETACH), "umount2")
    os.chdir("/")


def _show(source: Path, target: Path) -> None:
    """Let the program read a folder, a file or a device."""
    if source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.readlink())
        return
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(source, target, None, MS_BIND | MS_REC)
    attributes = struct.pack("=4Q", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    if source.is_char_device():
        return
    done = libc.syscall(
        SYS_MOUNT_SETATTR, AT_FDCWD, os.fsencode(target), AT_RECURSIVE, attributes, len(attributes)
    )
    _check(done, "mount_setattr")


def _loopback_up() -> None:
    """Jupyter's client and kernel talk over it; it leads nowhere else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _enter_user_namespace(spaces: int) -> None:
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", spaces)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")


def _drop_privileges(own: int, uid: int) -> None:
    """Become a user without rights, in a user namespace that admits no further ones."""
    if own != uid:
        os.setgroups([])
        os.setresgid(own, own, own)
        os.setresuid(own, own, own)
        _call("prctl", PR_SET_DUMPABLE, 1)  # or its own maps could not be written
        _enter_user_namespace(CLONE_NEWUSER)
    _write("/proc/sys/user/max_user_namespaces", "0")
    for capability in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails for those this kernel lacks
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _leave_out_calls()
    _call("prctl", PR_SET_DUMPABLE, 0)
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of user clears it


def _leave_out_calls() -> None:
    """Have the kernel say of some system calls that it does not know them (seccomp(2))."""
    if platform.machine() not in LEFT_OUT:
        raise OSError(f"no system calls are known of {platform.machine()}")
    machine, calls = LEFT_OUT[platform.machine()]
    steps = [(LOAD, 0, 0, MACHINE_AT), (IF_EQUAL, 1, 0, machine), (RETURN, 0, 0, NO_SUCH_CALL)]
    steps.append((LOAD, 0, 0, CALL_AT))
    for test, number in ((IF_AT_LEAST, OTHER_CONVENTIONS), *((IF_EQUAL, n) for n in calls)):
        steps += [(test, 0, 1, number), (RETURN, 0, 0, NO_SUCH_CALL)]
    steps.append((RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    _check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0), "seccomp")


def _watch(worker: int, settings: dict[str, Any]) -> int:
    """Wait for the program as the first process of its namespace; with it everything ends."""
    limit = settings["memory_bytes"] + SPARE_BYTES
    while True:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == worker:
                return os.waitstatus_to_exitcode(status) & 0xFF
            if not pid:
                break
        if _resident_bytes() > limit:
            os.write(settings["events"], json.dumps(MEMORY_EVENT).encode() + b"\n")
            return 1
        signal.sigtimedwait((signal.SIGCHLD,), POLL)


def _resident_bytes() -> int:
    pages = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/statm") as file:
                    pages += int(file.read().split()[1])
            except OSError:
                continue
    return pages * resource.getpagesize()


def _mount(
    source: object, target: object, kind: str | None, flags: int, data: str | None = None
) -> None:
    words = (None if word is None else os.fsencode(str(word)) for word in (source, target, kind))
    options = None if data is None else data.encode()
    _check(libc.mount(*words, ctypes.c_ulong(flags), options), f"mount {target}")


def _call(name: str, *arguments: int) -> None:
    _check(getattr(libc, name)(*arguments), name)


def _check(result: int, what: str) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
