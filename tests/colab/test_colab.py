"""A chapter as a Colab user meets it: an older stack, an empty folder, no deqlab."""

import os
import subprocess
import sys
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest

from tools.notebook import target
from tools.numbering import chapters

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
TORCH = "2.9.0+cu126"  # a build that no package index has: replacing it would fail, or show


@pytest.fixture(scope="session")
def colab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with Colab's versions and a CUDA build of torch."""
    venv = tmp_path_factory.mktemp("colab") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"]
    subprocess.run(install, check=True)
    packages = next((venv / "lib").glob("python3*")) / "site-packages"
    info = packages / f"torch-{TORCH}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {TORCH}\n")
    (info / "INSTALLER").write_text("colab\n")
    for name in ("functorch", "torch", "torchgen"):  # the code is that of the pinned environment
        (packages / name).symlink_to(Path(find_spec(name).origin).parent)
    return python


def freeze(python: Path) -> dict[str, str]:
    lines = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True
    ).stdout.split()
    return dict(line.split("==") for line in lines)


@pytest.mark.parametrize("chapter", chapters().values(), ids=lambda path: path.stem)
def test_chapter_runs_in_colab_s_environment(
    colab: Path, chapter: Path, root: Path, tmp_path: Path
) -> None:
    """The install cell brings deqlab from a clone, keeps NumPy and torch, and all cells run.

    The compared cells print the same numbers as in the pinned environment.
    """
    before = freeze(colab)
    notebook = nbformat.read(target(chapter), as_version=4)
    bare = tmp_path / target(chapter).name
    nbformat.write(without_outputs(notebook), bare)
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", root, clone], check=True)
    env |= {
        "DEQLAB_SOURCE": clone.as_uri(),
        "PATH": f"{colab.parent}:{env['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    empty = tmp_path / "empty"
    empty.mkdir()
    run = subprocess.run(
        [colab.parent / "jupyter-execute", "--timeout=600", "--inplace", bare],
        cwd=empty,
        env=env,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]

    after = freeze(colab)
    assert "deqlab" in after
    assert {name: after[name] for name in before} == before, "the install cell changed a package"
    ran = nbformat.read(bare, as_version=4)
    for stored, fresh in zip(notebook.cells, ran.cells, strict=True):
        if "nbval-check-output" in stored.metadata.get("tags", []):
            assert text_of(fresh) == text_of(stored), stored.id


def without_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    copy = deepcopy(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    return copy


def text_of(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)
