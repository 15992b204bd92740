"""The audit hook refuses what it says, and lets a scratch folder be used."""

import subprocess
import sys
import textwrap

import pytest

from deqlab.course import guard


def run(tmp_path, code):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "secret").write_text("42")
    program = f"""
import ctypes, os, shutil, signal, socket, subprocess, sys, tempfile
from pathlib import Path
from deqlab.course import guard
scratch, secret = Path({str(scratch)!r}), Path({str(tmp_path / "secret")!r})
os.chdir(scratch)
guard.arm(scratch)
try:
{textwrap.indent(textwrap.dedent(code).strip(), "    ")}
except guard.RefusedError as error:
    print("refused", error)
else:
    print("allowed")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "open(secret)",
        "secret.read_text()",
        "os.open(secret, os.O_RDONLY)",
        "open(scratch / '..' / 'secret')",
        "os.symlink(secret, 'link'); open('link')",
        "open('/proc/self/environ')",
        "open(f'/proc/{os.getppid()}/cmdline')",
        "open('/etc/passwd')",
        "os.open(os.path.dirname(os.__file__), os.O_RDONLY)",  # to start paths from
        "os.listdir(secret.parent)",
        "next(os.scandir('/'))",
        "open(secret, 'w')",
        "open(sys.prefix + '/planted.py', 'w')",
        "os.open(secret, os.O_CREAT | os.O_RDWR)",
        "secret.unlink()",
        "os.rename('x', secret)",
        "os.mkdir(secret.parent / 'new')",
        "os.chmod(secret, 0o777)",
        "os.truncate(secret, 0)",
        "os.link(secret, 'hard')",
        "shutil.rmtree(secret.parent)",
        "subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.gethostbyname('localhost')",
        "socket.socket().bind(('127.0.0.1', 0))",
        "os.kill(os.getppid(), 0)",
        "os.killpg(os.getpgid(0), 0)",
        "import _posixsubprocess; _posixsubprocess.fork_exec()",
        "import multiprocessing; multiprocessing.get_context('spawn').Process().start()",
    ],
)
def test_refuses(tmp_path, code):
    assert run(tmp_path, code).startswith("refused")
    assert (tmp_path / "secret").read_text() == "42"


@pytest.mark.parametrize(
    "code",
    [
        "Path('a').write_text('1'); Path('a').rename('b'); assert open('b').read() == '1'",
        "os.mkdir('d'); Path('d/f').touch(); shutil.rmtree('d'); assert os.listdir() == []",
        "import numpy, scipy.linalg, sympy; numpy.save('x', [1.0]); numpy.load('x.npy')",
        "tempfile.tempdir = str(scratch); tempfile.TemporaryDirectory().cleanup()",
        "open(os.devnull, 'w').write('x'); os.urandom(4); os.kill(os.getpid(), 0)",
        "import deqlab.course.reports",
        "assert not list(secret.parent.glob('*'))",
    ],
)
def test_allows(tmp_path, code):
    assert run(tmp_path, code) == "allowed\n"


def test_the_solutions_beside_the_package_cannot_be_read():
    package = guard.Path(guard.__file__).parents[1]
    roots = guard.readable_roots()
    assert str(package) in roots
    assert not any(str(package.parent / "solutions").startswith(root + "/") for root in roots)
