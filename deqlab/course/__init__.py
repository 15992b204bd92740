"""The course: public checks for students, release for authors, grading for instructors.

A graded question is four cells of a notebook. Its *answer* is what a student writes. Its *check*
compares in the student's own kernel, says by how much and which hint helps, and raises if something
fails; it is the student's convenience and is never scored here. Its *scored* cell, which only the
instructor has, draws inputs from the run's seed, calls the answer and **emits values**. The values
leave the kernel as plain numbers, and the grader's process compares them with what the
instructor's solution emits. An optional *measure* cell, run by the grader, turns a value into what
is compared, for questions with more than one right answer. So a point can only be earned by a
value: what a student's process prints, raises or claims about itself has no bearing on it.

For students
------------
Open ``exNN-slug.ipynb`` in Jupyter or Colab, write in the answer cells, run the checks. ::

    deqlab check ex02-contractions.ipynb       # the same verdicts, from the command line

Only what stands in the answer cells is graded: put helpers and imports in there too.

For instructors
---------------
::

    deqlab grade submissions/ --out grades/ [--jobs 4] [--seed 7] [--resume]     # a class
    deqlab grade SUBMISSION.ipynb [--out grade.json]                              # one

Answers are taken from each submission by their grade_id, put into the instructor's notebook and run
with nbval in a process and kernel of their own, under limits of time, memory, disk and processes.
After all of them the solution runs with the same seed, so while a student's code runs no expected
value exists anywhere. Then values are compared, and every question gets one of the outcomes of
`deqlab.course.outcomes.Outcome`. A loop without end, a dead kernel or a lack of memory costs its
question; the others are run again without it. An answer that reaches beyond its own names
(`deqlab.course.reaching`) is run apart. Every file is a row of ``grades.csv``, with a page for its
student and a JSON record (``schema_version``) of what is needed to repeat it. The
instructor's guide in the book describes all of this.

*What is a guard rail and what is a boundary.* That scoring happens elsewhere is a boundary: nothing
that decides a point is in the student's process, its files, environment or parent. At the level
*namespace* the network, the files and the processes of others are out of reach as well
(`deqlab.course.namespace`). The limits and the audit hook (`deqlab.course.guard`), all there is at
the level *guard rail*, stop a fork bomb in Python, a network call, a look at the solutions, but not
native code that is meant to get around them. The report says which level it was, and what it did
not enforce.

For authors
-----------
Write ``solutions/solNN-slug.md``. Questions are independent of each other, and their cells carry
``nbgrader`` metadata in a short form, with one grade_id for all cells of a question:

========================================  ========================================================
``nbgrader: {answer: ID}``                the solution, between ``### BEGIN SOLUTION`` and ``### END
                                          SOLUTION``; the rest of the cell is the stub
``nbgrader: {check: ID}``                 ends in ``check("ID", close(...), holds(...), points=3)``
``nbgrader: {scored: ID, rtol: 1.0e-6}``  ``rng = scored_rng("ID")``, then ``emit(name, value)``
``nbgrader: {measure: ID}``               defines ``measure(name, value)``; only values reach it
========================================  ========================================================

Text between ``<!-- BEGIN SOLUTION -->`` and ``<!-- END SOLUTION -->`` and cells tagged ``solution``
stay with the solution; given cells tagged ``ungraded`` (figures) are not run by the grader, and
those tagged ``keep-output`` keep their output in the release. Every value counts the same, so emit
as many values as there are things to get right; put truth values that could be guessed together
into one array. Let the text admit only answers that the tolerance admits. A measure sees what left
the student's kernel: have it compute what it judges, since a truth value that holds for every right
answer, or a number of bytes, can be written by hand. It has a second, whatever numbers it is given.

Mistakes you expect go to ``tests/grading/mutants/ID/mutant-*.py`` (first line ``# mistake: ...``,
in words for the student who made it; a second line ``# hint: N`` names the hint that it earns),
answers that are right in another way to ``right-*.py``. ::

    deqlab release              # writes exercises/, refuses what does not tell right from wrong
    deqlab release --check      # fails if exercises/ is not what solutions/ gives

A release is refused if a stub passes, a solution fails, a mutant gets full points, a right answer
does not, or there are fewer than four mutants and two right answers to a question.

The same notebook in nbgrader
-----------------------------
Released notebooks carry nbgrader's metadata (schema 3). Use them as an assignment's source with
``c.ClearSolutions.enabled = False``: they hold their stubs already. nbgrader then scores the public
checks, each of which returns its share of the points.
"""

from deqlab.course.emission import emit, scored_rng
from deqlab.course.verdicts import CheckFailedError, check, close, holds

__all__ = ["CheckFailedError", "check", "close", "emit", "holds", "scored_rng"]
