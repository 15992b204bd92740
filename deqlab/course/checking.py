"""Run the public checks of a student's notebook from the command line."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from deqlab.course.errors import CourseError

SUFFIX = "-check"


@dataclass(frozen=True)
class PublicVerdict:
    """Verdict of one question's public check."""

    grade_id: str
    passed: bool
    text: str


def run_public_checks(path: Path | str, *, cell_seconds: float = 60.0) -> list[PublicVerdict]:
    """Run a notebook on this machine, as its author would, and return what its checks say.

    Parameters
    ----------
    path : path-like
        The student's notebook; it is not changed.
    cell_seconds : float
        Time limit of a cell.

    Returns
    -------
    list of PublicVerdict
        In the order of the notebook.

    Raises
    ------
    CourseError
        If the file is not a notebook or holds no public check.
    """
    try:
        notebook = nbformat.read(str(path), as_version=4)
    except Exception as error:
        raise CourseError(f"{path}: not a notebook that can be read ({error})") from error
    checks = [cell for cell in notebook.cells if _grade_id(cell)]
    if not checks:
        raise CourseError(f"{path}: no public checks in it; is it an exercise (exNN-slug.ipynb)?")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = NotebookClient(
        notebook,
        timeout=cell_seconds,
        interrupt_on_timeout=True,
        kernel_name="python3",
        allow_errors=True,
    )
    died = False
    try:
        client.execute(cwd=str(Path(path).resolve().parent), stderr=subprocess.DEVNULL)
    except DeadKernelError:
        died = True
    return [_verdict(cell, died) for cell in checks]


def _grade_id(cell: NotebookNode) -> str:
    metadata = cell.metadata.get("nbgrader", {})
    grade_id = str(metadata.get("grade_id", ""))
    return grade_id.removesuffix(SUFFIX) if metadata.get("grade") else ""


def _verdict(cell: NotebookNode, died: bool) -> PublicVerdict:
    grade_id = _grade_id(cell)
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if errors:
        error = errors[0]
        if error.ename == "CheckFailedError":
            return PublicVerdict(grade_id, False, error.evalue)
        if error.ename == "KeyboardInterrupt":
            return PublicVerdict(grade_id, False, f"{grade_id}: did not finish in time")
        return PublicVerdict(grade_id, False, f"{grade_id}: {error.ename}: {error.evalue}")
    results = [output for output in cell.outputs if output.output_type == "execute_result"]
    if not results:
        what = "the kernel died; nothing after that was run" if died else "gave no verdict"
        return PublicVerdict(grade_id, False, f"{grade_id}: {what}")
    text = "".join(o.text for o in cell.outputs if o.get("name") == "stdout").rstrip()
    return PublicVerdict(grade_id, True, text or f"{grade_id}: passed")
