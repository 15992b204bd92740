"""Phase 1 of a class run: run every submission, several at a time, and keep what each gave.

A submission that was run leaves one whole file, so an interruption costs what was running and no
more. Student code runs nowhere else in a class run.
"""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from deqlab.course.class_folder import ClassFolder
from deqlab.course.discovery import Submitted
from deqlab.course.errors import CourseError
from deqlab.course.exercise import Exercise, read_exercise
from deqlab.course.following import Limits
from deqlab.course.lifetime import die_with_parent
from deqlab.course.locating import exercise_of
from deqlab.course.storing import read_record, write_record
from deqlab.course.submitting import collect_submission
from deqlab.course.surviving import run_surviving


@dataclass(frozen=True, kw_only=True)
class Work:
    """What all submissions of a class share while they are run; small, and sent to every worker.

    Parameters
    ----------
    folder : ClassFolder
    token : str
        Of the grader at work.
    solutions : tuple of Path
        Exercises that a submission may be of.
    seed : int
    limits : Limits
    isolation : str
    grader : int
        Process that asks for it.
    """

    folder: ClassFolder
    token: str
    solutions: tuple[Path, ...]
    seed: int
    limits: Limits
    isolation: str
    grader: int = field(default_factory=os.getpid)

    def only(self, solution: Path) -> Work:
        """Return the same with one exercise."""
        return replace(self, solutions=(solution,))

    def path(self, one: Submitted) -> Path:
        """Return where the record of a submission lies."""
        return self.folder.collected / f"{one.key}.json"


def collect_class(
    work: Work, submissions: Sequence[Submitted], *, jobs: int | None, progress: bool
) -> None:
    """Run the submissions that have no valid record yet, with a progress bar.

    Parameters
    ----------
    work : Work
    submissions : sequence of Submitted
    jobs : int, optional
        At a time; None takes what `joblib.parallel_config` says.
    progress : bool
    """
    waiting = [one for one in submissions if stored(work, one) is None]
    if not waiting:
        return
    work.folder.remove_verdicts()
    with tqdm(
        total=len(submissions),
        initial=len(submissions) - len(waiting),
        unit="submission",
        desc="running",
        smoothing=0.1,
        disable=None if progress else True,
    ) as bar:
        run_surviving(
            partial(_collect, work),
            waiting,
            key=attrgetter("key"),
            markers=work.folder.collected,
            lost=partial(_lose, work),
            done=bar.update,
            jobs=jobs,
        )


def stored(work: Work, one: Submitted) -> dict[str, Any] | None:
    """Return the record of a submission if it is whole, of this run and of the file as it is."""
    record = read_record(work.path(one))
    if record is None or record.get("failed") or record.get("seed") != work.seed:
        return None
    exercises = {exercise.name: exercise.digest() for exercise in _exercises(work.solutions)}
    if record.get("exercise"):
        if record.get("digest") != exercises.get(record["exercise"]):
            return None
    elif len(exercises) == 1:  # it was put off until there was only one exercise to choose
        return None
    return record if record.get("file") == file_digest(one.path) else None


def file_digest(path: Path) -> str | None:
    """Return the hash of a regular file, None for anything else."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _collect(work: Work, one: Submitted) -> None:
    if os.getpid() != work.grader:
        die_with_parent()
    with work.folder.running(work.token) as wanted:
        if not wanted or stored(work, one) is not None:
            return
        digest = file_digest(one.path)
        try:
            record = _run(work, one) | {"file": digest}
        except Exception as error:  # the grader's fault: the others are graded, this one is flagged
            traceback.clear_frames(error.__traceback__)
            record = failure(work, one, f"{type(error).__name__}: {error}")
        write_record(work.path(one), record)


def _run(work: Work, one: Submitted) -> dict[str, Any]:
    exercises = _exercises(work.solutions)
    exercise = exercise_of(one.path, one.place, exercises)
    if len(exercises) == 1:
        exercise = exercises[0]
    if exercise is None:
        return _record(work, one) | {"problem": "it belongs to no exercise that can be told"}
    return collect_submission(
        one.path, exercise, seed=work.seed, limits=work.limits, isolation=work.isolation
    )


def failure(work: Work, one: Submitted, reason: str) -> dict[str, Any]:
    """Return the record of a submission that the grader could not run; it is no verdict."""
    return _record(work, one) | {"failed": reason}


def _record(work: Work, one: Submitted) -> dict[str, Any]:
    return {
        "exercise": "",
        "seed": work.seed,
        "submission": {"name": one.path.name, "sha256": file_digest(one.path)},
        "flags": {},
        "questions": {},
    }


def _lose(work: Work, one: Submitted, error: BaseException) -> None:
    reason = f"the process that ran it died ({type(error).__name__})"
    write_record(work.path(one), failure(work, one, reason))


def read_all(work: Work, submissions: Iterable[Submitted]) -> Iterator[dict[str, Any]]:
    """Yield the records of submissions, one in memory at a time."""
    for one in submissions:
        record = read_record(work.path(one))
        if record is None:
            raise CourseError(f"{work.path(one)} was damaged after it was written: --resume again")
        yield record


@cache
def _exercises(paths: tuple[Path, ...]) -> tuple[Exercise, ...]:
    return tuple(read_exercise(path) for path in paths)
