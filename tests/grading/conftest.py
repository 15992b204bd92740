"""A small exercise, so that the protocol is tested apart from what any exercise asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from deqlab.course.exercise import Exercise, read_exercise
from deqlab.course.following import Limits
from deqlab.course.grading import Grade, grade_submission
from deqlab.course.references import References, run_references
from deqlab.course.releasing import release

GIVEN = "import numpy as np\nfrom deqlab.course import check, close, emit, holds, scored_rng"

CUBE = '''def cube(x):
    """Return the cube of each number."""
    ### BEGIN SOLUTION
    third_power = x * x * x
    return third_power
    ### END SOLUTION'''
CUBE_CHECK = """check(
    "toy-cube",
    close("the cube of 2", lambda: cube(np.array([2.0])), [8.0], hint=1),
    holds("it is odd", lambda: cube(-1.5) == -cube(1.5), hint=2),
    points=3,
)"""
CUBE_SCORED = """rng = scored_rng("toy-cube")
for n in (3, 4, 5):
    emit(f"n = {n}", cube(rng.normal(size=n)))"""

MEAN = '''def mean(x):
    """Return the mean."""
    ### BEGIN SOLUTION
    return float(np.sum(x) / len(x))
    ### END SOLUTION'''
MEAN_CHECK = 'check("toy-mean", close("1, 2, 6", lambda: mean([1.0, 2.0, 6.0]), 3.0), points=2)'
MEAN_SCORED = 'emit("mean", mean(scored_rng("toy-mean").normal(size=9)))'

ROOT = '''def root(a):
    """Return a number whose square is a, of either sign."""
    ### BEGIN SOLUTION
    return np.sqrt(a)
    ### END SOLUTION'''
ROOT_CHECK = 'check("toy-root", holds("of 4", lambda: abs(root(4.0)) == 2.0), points=1)'
ROOT_SCORED = """a = scored_rng("toy-root").uniform(1.0, 2.0)
emit("root", {"a": a, "root": root(a)})"""
ROOT_MEASURE = """import numpy as np

def measure(name, value):
    if np.shape(value["root"]) != ():
        raise ValueError("a root is one number")
    return {"a": value["a"], "square": value["root"] ** 2}"""

ANSWERS = {"toy-cube": CUBE, "toy-mean": MEAN, "toy-root": ROOT}

MUTANTS = {
    "toy-cube": ["return x * x", "return 3 * x", "return abs(x**3)", "return -(x**3)"],
    "toy-mean": ["return sum(x)", "return max(x)", "return x[0]", "return float(np.median(x))"],
    "toy-root": ["return a", "return a / 2", "return 1.0", "return [a**0.5] * 2"],
}
RIGHT = {
    "toy-cube": ["return x**3", "return x * abs(x) ** 2"],
    "toy-mean": ["return sum(x) / len(x)", "return np.mean(x, dtype=np.longdouble)"],
    "toy-root": ["return -(a**0.5)", "return np.float32(a) ** 0.5 if a == 4 else a**0.5"],
}
ARGUMENT = {"toy-cube": "cube(x)", "toy-mean": "mean(x)", "toy-root": "root(a)"}

SEED = 7
LIMITS = Limits(cell_seconds=3.0, memory_bytes=1 << 30)


def code(source: str, label: str, **nbgrader: object) -> NotebookNode:
    """Return a code cell as an author's notebook has it."""
    metadata: dict[str, object] = {"label": label}
    if nbgrader:
        metadata["nbgrader"] = nbgrader
    return new_code_cell(source, id=f"toy-{label}", metadata=metadata)


def solution_cells() -> list[NotebookNode]:
    """Return the cells of the toy solution."""
    text = "# Toy\n<!-- BEGIN SOLUTION -->\nthe secret proof\n<!-- END SOLUTION -->"
    return [
        new_markdown_cell(text, id="toy-title"),
        code(GIVEN, "imports"),
        code(CUBE, "cube", answer="toy-cube"),
        code(CUBE_CHECK, "cube-check", check="toy-cube"),
        code(CUBE_SCORED, "cube-scored", scored="toy-cube", rtol="1e-9"),
        code(MEAN, "mean", answer="toy-mean"),
        code(MEAN_CHECK, "mean-check", check="toy-mean"),
        code(MEAN_SCORED, "mean-scored", scored="toy-mean"),
        code(ROOT, "root", answer="toy-root"),
        code(ROOT_CHECK, "root-check", check="toy-root"),
        code(ROOT_SCORED, "root-scored", scored="toy-root"),
        code(ROOT_MEASURE, "root-measure", measure="toy-root"),
    ]


@dataclass
class Toy:
    """The toy exercise in a folder, and what tests do with it."""

    folder: Path
    cells: list[NotebookNode] = field(default_factory=solution_cells)
    references: References | None = None
    isolation: str | None = None

    def write(self) -> Path:
        """Write the solution notebook."""
        path = self.folder / "sol00-toy.ipynb"
        nbformat.write(new_notebook(cells=self.cells), path)
        return path

    @property
    def exercise(self) -> Exercise:
        """The exercise, read from its file."""
        return read_exercise(self.write())

    def cell(self, label: str) -> NotebookNode:
        """Return a cell of the solution."""
        return next(cell for cell in self.cells if cell.metadata.get("label") == label)

    def submission(self, answers: Mapping[str, str]) -> NotebookNode:
        """Return the released notebook with some of its answers written."""
        notebook = release(self.exercise)
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in answers:
                cell.source = answers[grade_id]
        return notebook

    def submit(self, submission: Mapping[str, str] | NotebookNode) -> Path:
        """Write a submission: a notebook, or the answers of one."""
        path = self.folder / "submission.ipynb"
        notebook = submission
        if not isinstance(submission, NotebookNode):
            notebook = self.submission(submission)
        nbformat.write(notebook, path)
        return path

    def grade(self, submission: Mapping[str, str] | NotebookNode | Path) -> Grade:
        """Grade a submission with the toy's seed and short limits."""
        path = submission if isinstance(submission, Path) else self.submit(submission)
        return grade_submission(
            path,
            self.exercise,
            seed=SEED,
            limits=LIMITS,
            isolation=self.isolation,
            references=self.references,
        )


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """The toy exercise."""
    return Toy(tmp_path)


@pytest.fixture(scope="session")
def toy_references(tmp_path_factory: pytest.TempPathFactory) -> References:
    """What the toy's solution emits."""
    exercise = Toy(tmp_path_factory.mktemp("toy")).exercise
    return run_references(exercise, (), seed=SEED, limits=LIMITS)


@pytest.fixture
def graded_toy(tmp_path: Path, toy_references: References) -> Toy:
    """The toy exercise with its references at hand, to save half of the time."""
    return Toy(tmp_path, references=toy_references)


@pytest.fixture(scope="session")
def toy_in() -> type[Toy]:
    """Make a toy exercise in a folder."""
    return Toy


@pytest.fixture(scope="session")
def toy_limits() -> Limits:
    """The toy's short limits."""
    return LIMITS


@pytest.fixture
def variants(tmp_path: Path) -> Path:
    """A folder of variants of the toy's answers; the first mistake of each names hint 2."""
    folder = tmp_path / "mutants"
    for grade_id, signature in ARGUMENT.items():
        (folder / grade_id).mkdir(parents=True)
        for k, line in enumerate(MUTANTS[grade_id]):
            hint = "" if k else "# hint: 2\n"
            source = f"# mistake: number {k}\n{hint}def {signature}:\n    {line}\n"
            (folder / grade_id / f"mutant-{k}.py").write_text(source)
        for k, line in enumerate(RIGHT[grade_id]):
            (folder / grade_id / f"right-{k}.py").write_text(f"def {signature}:\n    {line}\n")
    return folder
