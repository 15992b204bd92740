"""The course: public checks for students, release for authors, grading for instructors."""

from deqlab.course.emission import emit, scored_rng
from deqlab.course.verdicts import CheckFailedError, check, close, holds

__all__ = ["CheckFailedError", "check", "close", "emit", "holds", "scored_rng"]
