"""What an author forgets is found without running a cell, and the message says what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from deqlab.course.exercise import read_exercise
from deqlab.course.releasing import released_path, released_text
from tools import facts
from tools.notebook import PipelineError, build, drift, generate, sources, stored
from tools.source import SourceError

CHAPTER = "book/01-implicit-layers.md"


@pytest.fixture
def chapter(checkout: Path) -> Path:
    """A chapter of a checkout that may be broken."""
    path = checkout / CHAPTER
    assert drift(path, checkout) is None
    return path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_nothing_is_stale(root: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tools", "drift"], cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_one_changed_word(chapter: Path, checkout: Path) -> None:
    edit(chapter, "Somebody switches on a heater", "Someone switches on a heater")
    message = drift(chapter, checkout)
    assert message is not None
    assert "01-implicit-layers.ipynb is stale at the cell" in message
    assert "run `make notebooks`" in message


def test_one_changed_line_of_code(chapter: Path, checkout: Path) -> None:
    edit(chapter, "P, outside, dt = 1.5e6", "P, outside, dt = 1.6e6")
    assert "stale at the cell 'room'" in str(drift(chapter, checkout))


def test_one_changed_alt_text(chapter: Path, checkout: Path) -> None:
    edit(chapter, "A curve rises from 5 degrees", "A line rises from 5 degrees")
    assert "stale at the cell 'room-figure'" in str(drift(chapter, checkout))


def test_a_removed_alt_text(chapter: Path, checkout: Path) -> None:
    text = chapter.read_text(encoding="utf-8")
    start = text.index("mystnb:\n  image:\n    alt: >-\n      Temperature")
    chapter.write_text(
        text[:start] + text[text.index("---\nimport matplotlib") :], encoding="utf-8"
    )
    with pytest.raises(PipelineError, match=r"room-figure' has no alt text; add it"):
        build(chapter, stored(chapter), checkout)


def test_one_broken_reference(chapter: Path, checkout: Path) -> None:
    edit(chapter, "{prf:ref}`thm-slope` is silent", "{prf:ref}`thm-slop` is silent")
    with pytest.raises(SourceError, match=r"01-implicit-layers.md:\d+: the reference 'thm-slop'"):
        build(chapter, stored(chapter), checkout)


def test_one_changed_number_that_the_text_quotes(chapter: Path, checkout: Path) -> None:
    edit(chapter.with_suffix(".ipynb"), "steps = 297", "steps = 298")
    assert "run `make notebooks`" in str(drift(chapter, checkout))


def test_a_value_that_no_cell_prints(chapter: Path, checkout: Path) -> None:
    edit(chapter, "{value}`room:steps`", "{value}`room:stops`")
    with pytest.raises(SourceError, match=r"the cell 'room' prints 'stops = ...' 0 times"):
        build(chapter, stored(chapter), checkout)


@pytest.mark.slow
def test_one_changed_stored_number(chapter: Path) -> None:
    """A number that no text quotes is caught by running the notebook under nbval."""
    notebook = chapter.with_suffix(".ipynb")
    edit(notebook, "predicted = 0.6736", "predicted = 0.6737")
    result = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env",
            "-p", "no:cacheprovider", "-q", notebook.name,
        ],
        cwd=notebook.parent,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert result.returncode == 1
    assert "1 failed" in result.stdout
    assert "predicted = 0.6737" in result.stdout


@pytest.mark.slow
def test_a_stale_notebook_stops_the_build(chapter: Path, checkout: Path) -> None:
    edit(chapter, "Somebody switches on a heater", "Someone switches on a heater")
    result = build_book(checkout)
    assert result.returncode != 0
    assert "01-implicit-layers.ipynb is stale" in result.stdout + result.stderr


@pytest.mark.slow
def test_a_broken_reference_of_a_plain_page_stops_the_build(checkout: Path) -> None:
    edit(checkout / "book/index.md", "## The plan", "## The plan\n\nSee {ref}`no-such-label`.")
    result = build_book(checkout)
    assert result.returncode != 0
    assert "no-such-label" in result.stdout + result.stderr


@pytest.mark.slow
def test_building_the_book_runs_no_cell(checkout: Path, tmp_path: Path) -> None:
    """The build succeeds, and shows the numbers, with a kernel that refuses to start."""
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        '{"argv": ["false", "{connection_file}"], "display_name": "refuses", "language": "python"}'
    )
    result = build_book(checkout, JUPYTER_PATH=str(tmp_path / "jupyter"))
    assert result.returncode == 0, result.stderr[-2000:]
    page = (checkout / "_build/html/book/01-implicit-layers.html").read_text(encoding="utf-8")
    assert "steps = 297" in page


def test_changing_the_configuration_changes_it_everywhere(checkout: Path) -> None:
    """Repository, branch and version live in ``_config.yml`` alone."""
    edit(checkout / "_config.yml", "https://github.com/deqlab/deqlab", "https://github.com/a/b")
    edit(checkout / "_config.yml", "branch: main", "branch: trunk")
    edit(checkout / "_config.yml", 'release: "0.1.0"', 'release: "9.8.7"')
    assert facts.drift(checkout) != []
    assert "stale" in str(drift(checkout / CHAPTER, checkout))

    ran = [generate(path, root=checkout) for path in sources(checkout)]
    facts.write(checkout)
    assert not any(ran), "nothing but addresses changed, so nothing is run"
    for path in (checkout / "solutions").glob("sol*.ipynb"):
        exercise = read_exercise(path)
        text = released_text(exercise)
        released_path(exercise, checkout / "exercises").write_text(text, encoding="utf-8")
    assert drift(checkout / CHAPTER, checkout) is None
    assert facts.drift(checkout) == []

    old = ("github.com/deqlab", "/blob/main/", "-b main ", "deqlab@main", '"0.1.0"', "{0.1.0}")
    for path in checkout.rglob("*"):
        if path.is_file() and path.suffix in (".md", ".ipynb", ".cff", ".yml", ".toml", ".py"):
            if "tests" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            assert not [word for word in old if word in text], path
    notebook = nbformat.read((checkout / CHAPTER).with_suffix(".ipynb"), as_version=4)
    assert "git+https://github.com/a/b@trunk" in notebook.cells[0].source
    assert "version: 9.8.7" in (checkout / "CITATION.cff").read_text(encoding="utf-8")

    metadata = subprocess.run(
        [sys.executable, "-m", "hatchling", "metadata"],
        cwd=checkout, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert '"9.8.7"' in metadata
    assert "https://github.com/a/b/issues" in metadata

    result = build_book(checkout)
    assert result.returncode == 0, result.stderr[-2000:]
    page = (checkout / "_build/html/book/01-implicit-layers.html").read_text(encoding="utf-8")
    assert "colab.research.google.com/github/a/b/blob/trunk/book/01-implicit-layers.ipynb" in page
    assert "github.com/deqlab" not in page


def build_book(checkout: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The README's plain command, in a checkout."""
    import os

    jupyter_book = shutil.which("jupyter-book", path=str(Path(sys.executable).parent))
    assert jupyter_book is not None
    return subprocess.run(
        [jupyter_book, "build", ".", "-W", "-n", "--keep-going"],
        cwd=checkout,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )
