"""The level of isolation is found by trying, can be forced, and is told."""

import json
import os
import pwd
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from deqlab.course import sandbox
from deqlab.course.errors import CourseError
from deqlab.course.following import Limits
from deqlab.course.reports import record, text_report
from deqlab.course.sandbox import (
    NOT_ENFORCED,
    Isolation,
    Sandbox,
    find_sandbox,
    namespace_command,
    probe,
)

needs_namespaces = pytest.mark.skipif(
    probe().isolation is not Isolation.NAMESPACE, reason=f"no namespaces: {probe().reason}"
)
LIMITS = Limits(processes=10, disk_bytes=8 << 20, memory_bytes=64 << 20)


def inside(tmp_path, code, *, limits=LIMITS):
    """Run code in namespaces of its own; return what it prints and what the pipe got."""
    folder = tmp_path / "inside"
    (folder / "scratch").mkdir(parents=True)
    (folder / "scratch" / "given").write_text("42")
    receive, send = os.pipe()
    program = f"import ctypes, json, os, socket, time\n{textwrap.dedent(code)}"
    command = [sys.executable, "-I", "-S", "-c", program]
    with os.fdopen(receive, "rb") as pipe:
        try:
            done = subprocess.run(
                namespace_command(command, folder, send, limits),
                pass_fds=(send,),
                capture_output=True,
                text=True,
                timeout=60,
            )
        finally:
            os.close(send)
        return done.stdout.strip() or done.stderr, pipe.read()


@needs_namespaces
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print(open('scratch/given').read())", "42"),
        (
            "print([os.path.exists(p) for p in ('/etc/passwd', '/var', '/root/.ssh')])",
            "[False] * 3",
        ),
        (f"print(os.path.exists({str(Path(__file__).parents[2] / 'solutions')!r}))", "False"),
        (f"print(os.path.exists({str(Path(sandbox.__file__))!r}))", "True"),
        ("print(os.getpid(), len([n for n in os.listdir('/proc') if n.isdigit()]))", "2 2"),
        ("print(socket.if_nameindex())", "[(1, 'lo')]"),
        ("print(os.environ.get('HOME') is None or not os.path.exists('/etc/hosts'))", "True"),
        ("print([k for k in open('/proc/self/status') if k[:6] in ('CapEff', 'CapPrm')])", None),
        ("print(open('/proc/self/status').read().count('NoNewPrivs:\t1'))", "1"),
        ("print(ctypes.CDLL(None).unshare(0x10000000))", "-1"),
        ("print(ctypes.CDLL(None).shmget(0, ctypes.c_size_t(1 << 20), 0o1600))", "-1"),
        ("print(ctypes.CDLL(None).msgget(0, 0o1600))", "-1"),
        ("print(os.access('/proc/1/environ', os.R_OK))", "False"),
    ],
)
def test_what_is_seen_from_inside(tmp_path, code, expected):
    shown, _ = inside(tmp_path, code)
    if expected is None:
        assert shown.count("0000000000000000") == 2
    else:
        assert shown == (str(eval(expected)) if "*" in expected else expected)


@needs_namespaces
@pytest.mark.parametrize(
    "code",
    [
        "open('/usr/planted', 'w')",
        f"open({sys.prefix + '/planted'!r}, 'w')",
        "open('/planted', 'w')",
        "open('scratch/large', 'wb').write(bytes(9 << 20))",
        "[open(f'scratch/{k}', 'w') for k in range(30_000)]",
        "socket.create_connection(('1.1.1.1', 80), timeout=5)",
        "os.kill(1, 0) or os.setuid(0)",
        "os.chroot('scratch')",
        "[os.fork() or time.sleep(20) for _ in range(20)]",
        "os.memfd_create('memory that belongs to no process')",
        "[open('/dev/null') for _ in range(300)]",
    ],
)
def test_what_is_refused_inside(tmp_path, code):
    shown, _ = inside(
        tmp_path, f"try:\n    {code}\n    print('done')\nexcept OSError:\n    print('no')"
    )
    assert set(shown.split()) == {"no"}


@needs_namespaces
def test_memory_of_all_processes_together_is_bounded(tmp_path):
    limits = Limits(processes=10, memory_bytes=1)  # beside what nbval may have
    code = "hoard = [os.fork()]\nwhile True: hoard.append(bytearray(b'x' * (1 << 20)))"
    _, events = inside(tmp_path, code, limits=limits)
    assert json.loads(events) == {"event": "memory"}


@needs_namespaces
def test_nothing_outlives_a_namespace_whose_owner_is_killed(tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    program = "import os, time\nos.fork() or os.setsid()\ntime.sleep(600)"
    command = namespace_command([sys.executable, "-c", program], folder, 2, Limits())
    with subprocess.Popen(command, env={"MARK": str(tmp_path)}) as launcher:
        assert eventually(lambda: len(marked(tmp_path)) == 4)
        launcher.kill()
    assert eventually(lambda: not marked(tmp_path))


def marked(tmp_path):
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(tmp_path).encode() in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


def eventually(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@needs_namespaces
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_has_the_same_boundary(tmp_path):
    python = Path("/usr/bin/python3")
    if not python.exists():
        pytest.skip("needs an interpreter that every user may run")
    folder = Path(f"/tmp/deqlab-user-{os.getpid()}")
    (folder / "run" / "root").mkdir(parents=True)
    launcher = folder / "namespace.py"
    launcher.write_bytes(sandbox.LAUNCHER.read_bytes())
    settings = {
        "command": [str(python), "-I", "-S", "-c", sandbox.PROBE, str(launcher), "8"],
        "folder": str(folder / "run"),
        "root": str(folder / "run" / "root"),
        "readable": [(p, p) for p in ("/usr", "/lib", "/lib64", "/bin") if os.path.exists(p)],
        "events": 2,
        "processes": 8,
        "memory_bytes": 1 << 30,
        "disk_bytes": 8 << 20,
    }
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    try:
        done = subprocess.run(
            [str(python), "-I", "-S", str(launcher), json.dumps(settings)],
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        subprocess.run(["rm", "-r", str(folder)], check=True)
    if "unshare" in done.stderr:
        pytest.skip("this machine has no namespaces for ordinary users")
    assert json.loads(done.stdout) == []


@needs_namespaces
def test_an_interpreter_in_a_home_folder_does_not_cost_the_namespace(monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    shown = [*sandbox._visible(), (str(home), "/home/ann/venv"), (str(home), "/root/venv")]
    monkeypatch.setattr(sandbox, "_visible", lambda: shown)
    assert probe.__wrapped__().isolation is Isolation.NAMESPACE


def test_a_level_can_be_forced():
    found = find_sandbox("guard-rail")
    assert found.isolation is Isolation.GUARD_RAIL
    assert found.not_enforced == NOT_ENFORCED[Isolation.GUARD_RAIL]
    with pytest.raises(CourseError, match="expected one of 'namespace', 'guard-rail'"):
        find_sandbox("container")


def test_a_namespace_that_is_not_there_is_not_pretended(monkeypatch):
    rail = Sandbox(Isolation.GUARD_RAIL, NOT_ENFORCED[Isolation.GUARD_RAIL], "unshare: refused")
    monkeypatch.setattr(sandbox, "probe", lambda: rail)
    assert find_sandbox() == rail
    with pytest.raises(CourseError, match="no namespaces here: unshare: refused"):
        find_sandbox("namespace")


@pytest.mark.parametrize(
    "broken", ["import sys; sys.exit('unshare: refused')", "print('[\"network\"]')"]
)
def test_the_probe_believes_only_what_it_sees(monkeypatch, tmp_path, broken):
    launcher = tmp_path / "launcher.py"
    launcher.write_text(broken)
    monkeypatch.setattr(sandbox, "LAUNCHER", launcher)
    found = probe.__wrapped__()
    assert found.isolation is Isolation.GUARD_RAIL
    assert found.reason in ("unshare: refused", "from inside one sees: network")


def test_the_level_stands_in_report_and_record(graded_toy):
    graded_toy.isolation = "guard-rail"
    grade = graded_toy.grade(graded_toy.folder / "missing.ipynb")
    assert record(grade)["isolation"] == "guard-rail"
    assert "network (native code)" in record(grade)["not_enforced"]
    assert "isolation: guard-rail" in text_report(grade)
    assert "not enforced: network (native code)" in text_report(grade)
