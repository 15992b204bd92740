"""What holds for every committed notebook."""

import re
from pathlib import Path

import nbformat
import pytest

from tools.notebook import WIDGET_MIME, drift, generate, sources, target

SOURCES = sources()


@pytest.fixture(params=SOURCES, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(target(request.param), as_version=4)


def test_follows_its_source(
    notebook: nbformat.NotebookNode, request: pytest.FixtureRequest
) -> None:
    assert drift(request.node.callspec.params["notebook"]) is None


def test_holds_plain_markdown_only(notebook: nbformat.NotebookNode) -> None:
    """No directive, role or target of MyST is left for Jupyter to show as it stands."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"\{[\w:-]+\}`|^:::|^```\{|^\([\w:.-]+\)=$", cell.source, re.M)


def test_stores_no_error_no_stderr_no_widget(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", cell.id
            assert WIDGET_MIME not in output.get("data", {}), cell.id


def test_cells_are_addressable(notebook: nbformat.NotebookNode) -> None:
    """Ids are unique, the first cell installs, code is counted from one without a gap."""
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert ids[0] == "install"
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


def test_code_fits_the_page(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.id != "install":
            assert max(map(len, cell.source.splitlines())) <= 88, cell.id


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_second_run_writes_the_same_bytes(source: Path, root: Path, checkout: Path) -> None:
    """Figures and numbers reproduce, so that a diff shows what an author changed."""
    chapter = checkout / source.relative_to(root)
    before = target(chapter).read_bytes()
    assert generate(chapter, force=True, root=checkout)
    assert target(chapter).read_bytes() == before
