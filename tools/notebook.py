"""MyST source -> portable notebook: stable ids, an install cell, stored outputs, plain Markdown.

The source is the only file that an author edits. A notebook's cells follow from its source and
from the outputs stored in it, so drift is found by building it again without running anything.
"""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.flatten import Flattener
from tools.formatting import format_cells
from tools.numbering import all_labels, labels_of
from tools.project import ROOT, Project
from tools.source import Block, Directive, Source, read
from tools.values import lookup

CELL_TIMEOUT = 60  # seconds; a whole chapter may take as long
OUTPUT_LINES = 40
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"

INSTALL = """\
# In Colab or a fresh environment this installs deqlab; otherwise it does nothing.
import importlib.util
import os
import subprocess
import sys
from importlib.metadata import distributions

if importlib.util.find_spec("deqlab") is None:
    source = os.environ.get("DEQLAB_SOURCE")
    source = source or "git+{url}@{branch}"
    installed = {{d.name: d.version for d in distributions() if d.name}}
    keep = [f"{{k}}=={{installed[k]}}" for k in ("numpy", "torch") if k in installed]
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.check_call([*pip, f"deqlab[book] @ {{source}}", *keep])
    importlib.invalidate_caches()"""

# Figures are stored as SVG without a date, so that a second run writes the same bytes.
_KERNEL_CONFIG = """\
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Date": None}}
c.IPKernelApp.log_level = "ERROR"
"""


class PipelineError(RuntimeError):
    """A cell that fails, writes to stderr, prints too much, or shows a figure without alt text."""


def target(source: Path) -> Path:
    """The notebook that belongs to a source."""
    return source.with_suffix(".ipynb")


def stored(source: Path) -> NotebookNode | None:
    """The committed notebook of a source, or None if there is none yet."""
    path = target(source)
    return nbformat.read(path, as_version=4) if path.exists() else None


def build(path: Path, outputs: NotebookNode | None, root: Path = ROOT) -> NotebookNode:
    """Notebook of a source, with the outputs of ``outputs`` mapped by cell label.

    Raises
    ------
    SourceError
        For an unlabelled code cell, a broken reference, or a construct with no plain form.
    PipelineError
        For a stored figure without alt text.
    """
    source = read(path)
    project = Project.read(root)
    stored_cells = {
        cell.metadata.get("label"): cell
        for cell in (outputs.cells if outputs else [])
        if cell.cell_type == "code"
    }
    labels = {**all_labels(root), **labels_of(source)}
    values = lookup(stored_cells.values()) if outputs else (lambda _: "…")
    flattener = Flattener(source, labels, values, project, root)

    cells = [_install_cell(project)]
    pending: list[Block] = []

    def flush() -> None:
        for part in re.split(r"(?m)^(?=##? )", flattener.blocks(pending)):
            if part.strip():
                cells.append(_markdown_cell(part.strip(), cells))
        pending.clear()

    for block in source.blocks:
        if isinstance(block, Directive) and block.name == "code-cell":
            flush()
            cells.append(_code_cell(source, block, stored_cells))
        else:
            pending.append(block)
    flush()
    if references := flattener.references():
        cells.append(_markdown_cell(references, cells))
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook = new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return notebook


def _install_cell(project: Project) -> NotebookNode:
    source = INSTALL.format(url=project.url, branch=project.branch)
    return new_code_cell(source, id="install", metadata={"label": "install"}, execution_count=1)


def _markdown_cell(text: str, before: list[NotebookNode]) -> NotebookNode:
    heading = re.match(r"#+\s+(.+)", text)
    name = heading.group(1) if heading else f"after {before[-1].id}"
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50]
    taken = {cell.id for cell in before}
    cell_id = next(c for c in (slug, *(f"{slug}-{k}" for k in range(2, 99))) if c not in taken)
    return new_markdown_cell(text, id=cell_id)


def _code_cell(
    source: Source, block: Directive, stored_cells: dict[str, NotebookNode]
) -> NotebookNode:
    label = str(block.options.get("label", ""))
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", label) or label == "install":
        raise source.error(block.line, "a code cell needs ':label: name' (letters, digits, - or _)")
    code = "\n".join(block.raw)
    cell = new_code_cell(code, id=label, metadata=block.options)
    old = stored_cells.get(label)
    if old is not None and old.source == code:
        cell.outputs = old.outputs
        cell.execution_count = old.execution_count
    for output in cell.outputs:
        alt = block.options.get("mystnb", {}).get("image", {}).get("alt", "")
        if any(mime.startswith("image/") for mime in output.get("data", {})) and not alt.strip():
            raise PipelineError(
                f"{source.path}:{block.line}: the figure of '{label}' has no alt text; add it to "
                "the cell's options as mystnb: {image: {alt: ...}}"
            )
    return cell


def execute(notebook: NotebookNode, name: str) -> NotebookNode:
    """Run every cell in an empty folder, and keep what a reader should see.

    Raises
    ------
    PipelineError
        If a cell raises, takes more than `CELL_TIMEOUT` seconds, writes to stderr or prints more
        than `OUTPUT_LINES` lines.
    """
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "ipython" / "profile_default"
        profile.mkdir(parents=True)
        (profile / "ipython_kernel_config.py").write_text(_KERNEL_CONFIG)
        empty = Path(folder) / "empty"
        empty.mkdir()
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(empty)}},
        )
        env = {**os.environ, "IPYTHONDIR": str(profile.parent), "PYTHONHASHSEED": "0"}
        try:
            client.execute(env=env)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise PipelineError(f"{name}: {_ANSI.sub('', str(error))}") from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _tidy(cell, name)
    return notebook


def _tidy(cell: NotebookNode, name: str) -> None:
    if "live" in cell.metadata.get("tags", []):
        cell.outputs = []
    for output in cell.outputs:
        text = output.get("text", "")
        if output.get("name") == "stderr":
            raise PipelineError(f"{name}: the cell '{cell.id}' writes to stderr:\n{text}")
        if text.count("\n") > OUTPUT_LINES:
            raise PipelineError(
                f"{name}: the cell '{cell.id}' prints more than {OUTPUT_LINES} lines"
            )
        if WIDGET_MIME in output.get("data", {}):
            raise PipelineError(
                f"{name}: the cell '{cell.id}' shows a live widget; tag it 'live' so that its "
                "output is not stored"
            )


def code_of(notebook: NotebookNode) -> list[Any]:
    """What decides a notebook's outputs: its code cells."""
    return [(c.id, c.source, c.metadata) for c in notebook.cells if c.cell_type == "code"]


def generate(path: Path, *, force: bool = False, root: Path = ROOT) -> bool:
    """Bring the notebook of a source up to date; True if its cells had to be run.

    The code cells of the source are formatted first; then nothing is written unless everything
    succeeded.
    """
    format_cells(path)
    old = stored(path)
    notebook = build(path, None, root)
    run = force or old is None or code_of(old)[1:] != code_of(notebook)[1:]
    outputs = execute(notebook, path.name) if run else old
    text = nbformat.writes(build(path, outputs, root)) + "\n"
    temporary = target(path).with_suffix(".ipynb.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target(path))
    return run


def drift(path: Path, root: Path = ROOT) -> str | None:
    """What differs between a source and its notebook, or None. Runs nothing.

    The message names the first cell that differs and says what to do.
    """
    remedy = f"run `make notebooks` and commit {target(path).name}"
    old = stored(path)
    if old is None:
        return f"{path.name} has no notebook: {remedy}"
    new = build(path, old, root)
    for was, now in zip(old.cells, new.cells, strict=False):
        if (was.id, was.source, was.metadata) != (now.id, now.source, now.metadata):
            return f"{target(path).name} is stale at the cell '{now.id}': {remedy}"
    if len(old.cells) != len(new.cells):
        return (
            f"{target(path).name} has {len(old.cells)} cells, expected {len(new.cells)}: {remedy}"
        )
    return None


def sources(root: Path = ROOT) -> list[Path]:
    """Every source that has a notebook: chapters and solutions."""
    chapter_files = sorted((root / "book").glob("[0-9][0-9]-*.md"))
    return chapter_files + sorted((root / "solutions").glob("sol[0-9][0-9]-*.md"))
