"""Hostile answers: each has its outcome at both levels of isolation, and none earns a point.

A file in ``answers/`` is the answer to ``toy-cube`` (3 points), after a head of comments:

``# outcome:``      what becomes of the question, several if it depends on the machine
``# held back:``    what the answer tries in native code and says whether it got through: the
                    namespace must hold it back, the guard rail must say that it does not
``# only:``         the level at which it is safe to try
``# left behind:``  whether it starts a process that outlives the kernel, unless something ends it
``# sample:``       whether `make check` runs it

The other questions are answered as they should be, so that what an attack costs them is seen too.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deqlab.course.outcomes import Outcome
from deqlab.course.sandbox import NOT_ENFORCED, Isolation, probe

ANSWERS = sorted(Path(__file__).with_name("answers").glob("*.py"))
LEVELS = [str(level) for level in Isolation]
HONEST = {
    "toy-mean": "def mean(x):\n    return sum(x) / len(x)",
    "toy-root": "def root(a):\n    return -(a**0.5)",
}


@dataclass
class Attack:
    """A hostile answer and what its head says."""

    name: str
    source: str
    head: dict[str, str] = field(default_factory=dict)

    @property
    def outcomes(self) -> list[str]:
        return self.head["outcome"].split(" | ")


def read(path: Path) -> Attack:
    head, _, source = path.read_text().partition("\n\n")
    lines = (line.removeprefix("# ").split(": ", 1) for line in head.splitlines())
    return Attack(path.stem, source, dict(lines))


ATTACKS = [read(path) for path in ANSWERS]


def cases():
    for attack in ATTACKS:
        for level in LEVELS:
            if attack.head.get("only", level) == level:
                marks = () if "sample" in attack.head else (pytest.mark.slow,)
                yield pytest.param(attack, level, marks=marks, id=f"{attack.name}-{level}")


@pytest.fixture
def listener():
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def processes_below(folder: Path) -> list[int]:
    """Return the processes whose home is below a folder, as every process of a run's is."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and f"HOME={folder}".encode() in entry.joinpath("environ").read_bytes()
            ):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def processes_left(folder: Path) -> list[int]:
    """Return what is left of a run's processes after a moment, and kill it."""
    deadline = time.monotonic() + 5.0
    while (left := processes_below(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in left:
        with suppress(ProcessLookupError):
            os.kill(process, 9)
    return left


@pytest.mark.parametrize(("attack", "level"), list(cases()))
def test_an_attack_has_its_outcome_and_earns_nothing(
    graded_toy, monkeypatch, listener, attack, level
):
    if level == Isolation.NAMESPACE and probe().isolation is not Isolation.NAMESPACE:
        pytest.skip(f"no namespaces here: {probe().reason}")
    monkeypatch.setattr("tempfile.tempdir", str(graded_toy.folder))
    graded_toy.isolation = level
    source = attack.source
    for mark, value in {
        "@FOLDER@": graded_toy.folder,
        "@REPOSITORY@": Path(__file__).parents[3],
        "@PORT@": listener.getsockname()[1],
        "@PID@": os.getpid(),
    }.items():
        source = source.replace(mark, str(value))
    grade = graded_toy.grade({**HONEST, "toy-cube": source})
    left = processes_left(graded_toy.folder)
    judgement = grade.judgements["toy-cube"]
    assert judgement.points == 0
    assert judgement.outcome in attack.outcomes, judgement.message
    for grade_id in HONEST:
        others = grade.judgements[grade_id]
        assert others.outcome is Outcome.OK, others.message
    assert grade.isolation == level
    if level == Isolation.NAMESPACE:
        assert "got through" not in judgement.message
        assert not grade.not_enforced
    elif what := attack.head.get("held back"):
        assert any(claim.startswith(what) for claim in grade.not_enforced)
    else:
        assert "got through" not in judgement.message
    assert not left or (level == Isolation.GUARD_RAIL and "left behind" in attack.head)
    if "network" not in attack.head.get("held back", "") or level == Isolation.NAMESPACE:
        with pytest.raises(BlockingIOError):
            listener.accept()
    if "files of others" not in attack.head.get("held back", "") or level == Isolation.NAMESPACE:
        assert not (graded_toy.folder / "planted").exists()


def test_what_is_not_enforced_is_tried():
    tried = {attack.head["held back"] for attack in ATTACKS if "held back" in attack.head}
    tried |= {attack.name for attack in ATTACKS}
    for claim in NOT_ENFORCED[Isolation.GUARD_RAIL]:
        what = claim.partition(" (")[0]
        known = {
            "memory of all processes together": "native-memory-of-many-processes",
            "disk space in all": "native-disk-full",
        }
        assert known.get(what, what) in tried


def test_there_are_enough_and_their_heads_are_understood():
    assert len(ATTACKS) >= 40
    known = {"outcome", "held back", "only", "left behind", "sample"}
    for attack in ATTACKS:
        assert attack.head.keys() <= known
        assert set(attack.outcomes) <= set(map(str, Outcome)) - {"ok", "partly", "unreadable"}
