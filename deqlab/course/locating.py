"""Find the solution that a submission belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deqlab.course.errors import CourseError
from deqlab.course.exercise import SOLUTION_NAME, Exercise, read_exercise
from deqlab.course.ingest import recognise


def solutions_in(folder: Path) -> list[Path]:
    """Return the solution notebooks in a folder, sorted.

    Raises
    ------
    CourseError
        If there are none.
    """
    paths = sorted(p for p in folder.glob("sol*.ipynb") if SOLUTION_NAME.fullmatch(p.stem))
    if not paths:
        raise CourseError(f"{folder}/ has no solNN-slug.ipynb: give --solution or --solutions")
    return paths


def exercise_of(path: Path, place: str, exercises: Sequence[Exercise]) -> Exercise | None:
    """Return the exercise that a file is of, by its content, else by its name.

    Parameters
    ----------
    path : Path
    place : str
        The name, with those of the folders that say something.
    exercises : sequence of Exercise

    Returns
    -------
    Exercise or None
        None if it cannot be told.
    """
    found = recognise(path, exercises)
    if found is not None:
        return found
    named = [exercise for exercise in exercises if exercise.name in place.lower()]
    return max(named, key=lambda exercise: len(exercise.name), default=None)


def find_solution(submission: Path, solution: Path | None, folder: Path) -> Exercise:
    """Return the exercise of one submission.

    Parameters
    ----------
    submission : Path
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
    exercises = [read_exercise(path) for path in solutions_in(folder)]
    found = exercise_of(submission, submission.name, exercises)
    if found is None:
        raise CourseError(
            f"{submission} belongs to no exercise that its content or its name tells; {folder}/ "
            f"has solutions for {', '.join(exercise.name for exercise in exercises)}: "
            "give --solution solNN-slug.ipynb"
        )
    return found
