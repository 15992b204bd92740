"""Find the solution that a submission belongs to."""

from __future__ import annotations

import json
from pathlib import Path

from deqlab.course.errors import CourseError
from deqlab.course.exercise import SOLUTION_NAME, Exercise, read_exercise


def find_solution(submission: Path, solution: Path | None, folder: Path) -> Exercise:
    """Return the exercise of a submission.

    Parameters
    ----------
    submission : Path
        A released notebook carries the name of its exercise; else its file name may contain it.
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
        If there is no such file, or no solution that it belongs to.
    """
    if not submission.is_file():
        raise CourseError(f"{submission}: no such file")
    if solution is not None:
        return read_exercise(solution)
    named = ((SOLUTION_NAME.fullmatch(path.stem), path) for path in folder.glob("sol*.ipynb"))
    exercises = {f"ex{name[1]}": path for name, path in named if name}
    inside = _name_inside(submission)
    names = [inside] if inside else [name for name in exercises if name in submission.stem]
    known = [name for name in names if name in exercises]
    if not known:
        raise CourseError(
            f"{submission} belongs to {inside or 'no exercise that its name or metadata tells'}; "
            f"{folder}/ has solutions for {', '.join(sorted(exercises)) or 'none'}: "
            "give --solution solNN-slug.ipynb"
        )
    return read_exercise(exercises[max(known, key=len)])


def _name_inside(path: Path) -> str | None:
    try:
        name = json.loads(path.read_bytes())["metadata"]["deqlab"]["exercise"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return name if isinstance(name, str) else None
