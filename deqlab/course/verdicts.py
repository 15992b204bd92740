"""Public checks: what a student runs in the notebook to see whether an answer holds up.

A check compares in the student's own kernel, says what it compared and raises when something
fails. It is a convenience: `deqlab grade` never counts it. nbgrader does, so the value returned
is the number of points, and while nbgrader grades, a failing check returns its share of them.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass

from deqlab.course.comparison import compare
from deqlab.course.values import Value


class CheckFailedError(AssertionError):
    """Raised by `check`; its message is the verdict."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this in place of a traceback
        return str(self).splitlines()


@dataclass(frozen=True)
class Finding:
    """What one test of a check found."""

    what: str
    passed: bool
    detail: str
    hint: int | None

    def lines(self) -> list[str]:
        mark = "\N{CHECK MARK}" if self.passed else "\N{BALLOT X}"
        lines = [f"  {mark} {self.what}" + (f": {self.detail}" if self.detail else "")]
        if not self.passed and self.hint:
            lines.append(
                f"      \N{RIGHTWARDS ARROW} Hint {self.hint} of this question is about this"
            )
        return lines


@dataclass(frozen=True)
class Test:
    """One line of a check; made by `close` and `holds`, run by `check`."""

    what: str
    judge: Callable[[], tuple[bool, str]]
    hint: int | None

    __test__ = False  # not a pytest class

    def run(self) -> Finding:
        try:
            passed, detail = self.judge()
        except NotImplementedError:
            raise
        except Exception as error:
            passed, detail = False, _explain(error)
        return Finding(self.what, passed, detail, self.hint)


def close(
    what: str,
    got: Callable[[], Value],
    want: Value | Callable[[], Value],
    *,
    rtol: float = 1e-6,
    atol: float = 0.0,
    hint: int | None = None,
) -> Test:
    """Test that ``got()`` is close to ``want``: ``|got - want| <= atol + rtol |want|``.

    Parameters
    ----------
    what : str
        What is compared, for the verdict.
    got : callable
        Called without arguments; an exception in it fails the test and is explained.
    want : array_like, list, dict, str or callable
        The value, or a function that computes it.
    rtol, atol : float
        Tolerances of `deqlab.course.comparison.compare`.
    hint : int, optional
        Level of the hint that helps when the test fails.

    Returns
    -------
    Test
    """

    def judge() -> tuple[bool, str]:
        wanted = want() if callable(want) else want
        comparison = compare(got(), wanted, rtol=rtol, atol=atol)
        if comparison.agrees:
            return True, f"largest deviation {comparison.deviation:.2g}"
        return False, comparison.message

    return Test(what, judge, hint)


def holds(what: str, condition: Callable[[], object], *, hint: int | None = None) -> Test:
    """Test that ``condition()`` is true.

    Parameters
    ----------
    what : str
        The property, for the verdict.
    condition : callable
        Called without arguments; an exception in it fails the test and is explained.
    hint : int, optional
        Level of the hint that helps when the test fails.

    Returns
    -------
    Test
    """
    return Test(what, lambda: (bool(condition()), ""), hint)


def check(grade_id: str, *tests: Test, points: float) -> float:
    """Run the public tests of a question and show the verdict.

    Parameters
    ----------
    grade_id : str
        The question.
    *tests : Test
        Made by `close` and `holds`.
    points : float
        What the question is worth.

    Returns
    -------
    float
        ``points`` if every test passes. While nbgrader grades (it sets ``NBGRADER_EXECUTION``), the
        share of the tests that pass, in points.

    Raises
    ------
    CheckFailedError
        If a test fails, with the verdict as its message.
    NotImplementedError
        From the stub of an answer that was not written yet.

    Examples
    --------
    >>> check("demo", close("one plus one", lambda: 1 + 1, 2), points=1)
    demo: 1 of 1 checks passed
      ✓ one plus one: largest deviation 0
    1.0
    """
    if not tests:
        raise ValueError(f"check({grade_id!r}) was given no tests; pass close(...) or holds(...)")
    # A warning or a print to stderr must not cost a point: nbgrader scores a cell with stderr 0.
    with redirect_stderr(sys.stdout), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        findings = [test.run() for test in tests]
    passed = sum(finding.passed for finding in findings)
    lines = [f"{grade_id}: {passed} of {len(findings)} checks passed"]
    lines += [line for finding in findings for line in finding.lines()]
    lines += [f"  note: {note}" for note in sorted({_note(warning) for warning in caught})]
    text = "\n".join(lines)
    grading = os.environ.get("NBGRADER_EXECUTION") == "autograde"
    if passed < len(findings) and not grading:
        raise CheckFailedError(text)
    print(text)
    return float(points) * passed / len(findings)


def _note(warning: warnings.WarningMessage) -> str:
    return f"{warning.category.__name__}: {warning.message}"


def _explain(error: Exception) -> str:
    """Say what was raised and where in the student's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    cells = [
        frame for frame in frames if "ipykernel" in frame.filename and frame.name != "<lambda>"
    ]
    where = f" (line {cells[-1].lineno}: {cells[-1].line})" if cells and cells[-1].line else ""
    return f"raised {type(error).__name__}: {error}{where}"
