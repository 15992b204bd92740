"""The error of the course tools: the author or the instructor has something to correct."""


class CourseError(ValueError):
    """An exercise, a submission's address or a setting is not as it should be."""
