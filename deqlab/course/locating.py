"""Find the solution that a submission belongs to."""

from __future__ import annotations

import json
import re
from pathlib import Path

from deqlab.course.errors import CourseError
from deqlab.course.exercise import Exercise, read_exercise

EXERCISE_NAME = re.compile(r"ex(\d\d-[a-z0-9-]+)")


def find_solution(submission: Path, solution: Path | None, folder: Path) -> Exercise:
    """Return the exercise of a submission.

    Parameters
    ----------
    submission : Path
        A released notebook carries its exercise's name; else its file name may tell.
    solution : Path or None
        The solution notebook, if the caller knows it.
    folder : Path
        Where solutions are looked for.

    Returns
    -------
    Exercise

    Raises
    ------
    CourseError
        If no solution or more than one is found.
    """
    if solution is not None:
        return read_exercise(solution)
    name = _name_inside(submission) or _name_of_file(submission)
    if name is None:
        raise CourseError(
            f"{submission} does not say which exercise it is, in its metadata or its name "
            "(…exNN-slug….ipynb); give --solution solutions/solNN-slug.ipynb"
        )
    found = [p for p in folder.glob("sol*.ipynb") if p.stem == name.replace("ex", "sol", 1)]
    if not found:
        raise CourseError(
            f"{submission} is {name}, of which there is no solution in {folder}/; "
            "run `make notebooks`, or give --solution"
        )
    return read_exercise(found[0])


def _name_inside(path: Path) -> str | None:
    try:
        name = json.loads(path.read_bytes())["metadata"]["deqlab"]["exercise"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return name if isinstance(name, str) and EXERCISE_NAME.fullmatch(name) else None


def _name_of_file(path: Path) -> str | None:
    match = EXERCISE_NAME.search(path.stem)
    return match[0] if match else None
