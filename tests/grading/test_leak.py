"""While a hidden cell runs, nothing the student's process can see holds what it is compared with.

A submission stops inside a scored cell and waits. Meanwhile the test reads, from outside and
with more rights than any student has: every file below the run's folder, the environment, the
command lines and the whole memory of the kernel and of its parent.
"""

import re
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from deqlab.course.assembly import assemble
from deqlab.course.collector import MEMORY_BYTES
from deqlab.course.emission import scored_rng
from deqlab.course.following import Limits
from deqlab.course.running import run_notebook
from deqlab.course.sandbox import Isolation, probe
from deqlab.course.values import encode

SEED = 7  # that of the toy's reference

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc of the kernel"),
    pytest.mark.slow,
]

SPY = '''
import gc, inspect, os, sys, time
def cube(x):
    """Write down what Python shows of itself, then wait to be looked at."""
    seen = [repr(dict(os.environ)), repr(sys.argv), repr(globals().get("In")), repr(sys.modules)]
    frame = inspect.currentframe()
    while frame:
        seen += [repr(frame.f_locals), repr(frame.f_globals), repr(frame.f_code.co_consts)]
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, (str, bytes, dict, list, tuple, np.ndarray)):
            try:
                seen.append(repr(thing)[:10_000])
            except Exception:
                pass
    with open("seen", "w", errors="replace") as file:
        file.write("\\n".join(seen))
    open("looked", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.05)
    return np.zeros_like(x)
'''


def memory(pid):
    """Yield the readable memory of a process, one mapping at a time."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if "r" not in rights or "[v" in line:
                continue
            try:
                mem.seek(int(start, 16))
                yield mem.read(int(end, 16) - int(start, 16))
            except (OSError, ValueError, OverflowError):
                continue


def secrets_of(toy):
    """Return byte strings that only the instructor's side knows, with what each would reveal."""
    found = {
        b"third_power": "the reference solution",
        b"np.sum(x) / len(x)": "the reference solution of another question",
        b"the secret proof": "the solution's text",
        b"def measure(name": "the scoring of a question with several answers",
        str(toy.folder).encode(): "where the instructor's files are",
    }
    for name, value in toy.references.values["toy-cube"].items():
        for number in np.ravel(value):
            found[number.tobytes()] = f"an expected value of {name} (binary)"
            found[repr(float(number)).encode()] = f"an expected value of {name} (decimal)"
        found[encode(value)["data"].encode()] = f"the expected values of {name} (as sent)"
    return found


def processes(scratch):
    """Return the kernel that works in a folder and its parent, None as long as it does not."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            home = f"HOME={scratch}\0".encode() in (entry / "environ").read_bytes()
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if home and b"deqlab.course.kernel" in words:
            return int(entry.name), int(parent)
    return None


def look(folder, kernel, parent):
    """Yield ``(place, bytes)`` for everything that the student's process could read."""
    for path in Path(f"/proc/{kernel}/root{folder}").rglob("*"):
        if path.is_file():
            yield f"file {path.name}", path.read_bytes()
    for name, pid in (("kernel", kernel), ("parent", parent)):
        for entry in ("cmdline", "environ"):
            yield f"{entry} of the {name}", Path(f"/proc/{pid}/{entry}").read_bytes()
        for content in memory(pid):
            yield f"memory of the {name}", content


@pytest.mark.parametrize("level", [str(level) for level in Isolation])
def test_nothing_of_the_scoring_is_reachable_while_a_hidden_cell_runs(
    graded_toy, tmp_path_factory, level
):
    if level == Isolation.NAMESPACE and probe().isolation is not Isolation.NAMESPACE:
        pytest.skip(f"no namespaces here: {probe().reason}")
    exercise, folder = graded_toy.exercise, tmp_path_factory.mktemp("run")
    answers = {"toy-cube": SPY, "toy-mean": "mean = len", "toy-root": "root = abs"}
    notebook = assemble(exercise, answers).notebook
    notebook.cells = [cell for cell in notebook.cells if "check(" not in cell.source]
    runs = []
    how = {"seed": SEED, "limits": Limits(cell_seconds=300.0), "isolation": level}
    thread = threading.Thread(
        target=lambda: runs.append(run_notebook(notebook, folder=folder, **how))
    )
    thread.start()
    seen = scratch = None
    try:
        deadline = time.monotonic() + 60
        while not seen or not (scratch / "looked").exists():
            assert thread.is_alive(), runs
            assert time.monotonic() < deadline
            time.sleep(0.05)
            seen = processes(folder / "scratch")
            scratch = Path(f"/proc/{seen[0]}/root{folder}/scratch") if seen else None
        inputs = scored_rng_at_seed().normal(size=3).tobytes()
        there = {
            b"emit(f": ["memory of the kernel", "memory of the parent"],  # the hidden cell
            b"def cube(x)": ["memory of the kernel", "memory of the parent"],
            inputs: ["memory of the kernel"],
            b"scored_rng": ["file seen"],
            f"DEQLAB_SEED={SEED}".encode(): ["environ of the kernel", "environ of the parent"],
        }
        secrets = secrets_of(graded_toy)
        found = {
            (needle, place)
            for place, content in look(folder, *seen)
            for needle in (*there, *secrets)
            if needle in content
        }
        limits = Path(f"/proc/{seen[1]}/limits").read_text()
        notebooks = list(Path(f"/proc/{seen[0]}/root{folder}").rglob("*.ipynb"))
    finally:
        if seen:
            (scratch / "go").touch()
        thread.join()
    leaks = {(secrets[needle], place) for needle, place in found if needle in secrets}
    assert not leaks
    # what the student may know is found where it is: the search does see
    assert {(needle, place) for needle, places in there.items() for place in places} <= found
    assert not notebooks
    # what floods in from a kernel ends in the memory of nbval, which is bounded
    assert re.search(rf"Max address space +{MEMORY_BYTES} ", limits)
    assert runs[0].values


def scored_rng_at_seed():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEQLAB_SEED", str(SEED))
        return scored_rng("toy-cube")
