"""Other answers to a question: known mistakes, and answers that are right in another way.

A variant is a file ``FOLDER/GRADE_ID/NAME.py`` that holds the source of the answer cell.
``mutant-*.py`` are wrong, each a different mistake, named in its first line (``# mistake: …``); a
second line ``# hint: N`` may name the hint of the question that helps. ``right-*.py`` are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deqlab.course.errors import CourseError
from deqlab.course.exercise import Question

MIN_MUTANTS = 4
MIN_RIGHT = 2
MISTAKE = "# mistake: "
HINT = "# hint: "


@dataclass(frozen=True)
class Variant:
    """Another answer to a question; if it is wrong, the mistake in words and the hint's level."""

    grade_id: str
    name: str
    source: str
    right: bool
    mistake: str
    hint: int | None = None


def read_variants(folder: Path, question: Question) -> list[Variant]:
    """Read the mutants and right-but-different answers of a question.

    Parameters
    ----------
    folder : Path
        With a folder for each grade_id.
    question : Question

    Returns
    -------
    list of Variant
        In the order of their names.

    Raises
    ------
    CourseError
        If there are fewer than ``MIN_MUTANTS`` distinct mistakes or ``MIN_RIGHT`` right answers,
        or a file is not as this module describes.
    """
    grade_id = question.grade_id
    variants = [_read(path, grade_id) for path in sorted((folder / grade_id).glob("*.py"))]
    mistakes = {variant.mistake for variant in variants if not variant.right}
    right_answers = {variant.source for variant in variants if variant.right}
    if len(mistakes) < MIN_MUTANTS or len(right_answers) < MIN_RIGHT:
        raise CourseError(
            f"{folder / grade_id}: {len(mistakes)} distinct mistakes and {len(right_answers)} "
            f"right answers; at least {MIN_MUTANTS} and {MIN_RIGHT} are needed"
        )
    return variants


def _read(path: Path, grade_id: str) -> Variant:
    source = path.read_text(encoding="utf-8")
    if path.stem.startswith("right-"):
        return Variant(grade_id, path.stem, source, True, "")
    first, _, rest = source.partition("\n")
    if not (path.stem.startswith("mutant-") and first.startswith(MISTAKE)):
        raise CourseError(f"{path}: call it right-*.py, or mutant-*.py and begin {MISTAKE!r}")
    second, hint = rest.partition("\n")[0], None
    if second.startswith(HINT):
        level = second.removeprefix(HINT).strip()
        if level not in ("1", "2", "3"):
            raise CourseError(f"{path}: the hint is {level!r}; give its level, 1, 2 or 3")
        hint = int(level)
    return Variant(grade_id, path.stem, source, False, first.removeprefix(MISTAKE).strip(), hint)
