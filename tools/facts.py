"""Carries the facts of ``_config.yml`` into README.md and CITATION.cff."""

import re
from pathlib import Path

from tools.numbering import chapter_title, chapters
from tools.project import ROOT, Project
from tools.source import read

CITATION = """\
# Generated from _config.yml by `make notebooks`.
cff-version: 1.2.0
message: If you use deqlab or the book, please cite it as below.
title: "deqlab: {title}: Fixed Points, Equilibrium Models and Looped Transformers"
type: software
authors:
  - name: {author}
version: {version}
license: BSD-3-Clause
repository-code: {url}
"""

_BLOCK = re.compile(r"(<!-- (\w+): from _config.yml -->\n).*?(<!-- end -->)", re.DOTALL)


def _blocks(project: Project, root: Path) -> dict[str, str]:
    rows = ["| chapter | read the source | run it |", "|---|---|---|"]
    for number, path in chapters(root).items():
        title = f"{number}. {chapter_title(read(path))}"
        notebook = f"book/{path.stem}.ipynb"
        rows.append(
            f"| {title} | [notebook]({project.blob(notebook)}) "
            f"| [open in Colab]({project.colab(notebook)}) |"
        )
    name = project.url.rsplit("/", 1)[-1]
    return {
        "clone": f"```bash\ngit clone -b {project.branch} {project.url}\ncd {name}\n"
        "make book   # builds the book and prints the file to open\n"
        "make test   # runs every test\n```\n",
        "install": "```bash\n"
        f'pip install "deqlab[book] @ git+{project.url}@{project.branch}"\n```\n',
        "chapters": "\n".join(rows) + "\n",
        "cite": "```bibtex\n@software{deqlab,\n"
        f"  author  = {{{{{project.author}}}}},\n"
        f"  title   = {{deqlab: {project.title}: Fixed Points, Equilibrium Models and Looped "
        "Transformers},\n"
        f"  version = {{{project.version}}},\n  url     = {{{project.url}}},\n}}\n```\n",
    }


def _expected(root: Path) -> dict[Path, str]:
    project = Project.read(root)
    blocks = _blocks(project, root)
    readme = (root / "README.md").read_text(encoding="utf-8")
    return {
        root / "README.md": _BLOCK.sub(
            lambda match: match.group(1) + blocks[match.group(2)] + match.group(3), readme
        ),
        root / "CITATION.cff": CITATION.format(
            title=project.title, author=project.author, version=project.version, url=project.url
        ),
    }


def write(root: Path = ROOT) -> None:
    """Rewrite what differs."""
    for path, text in _expected(root).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def drift(root: Path = ROOT) -> list[str]:
    """A message for every file that does not say what ``_config.yml`` says."""
    return [
        f"{path.name} does not follow _config.yml: run `make notebooks` and commit it"
        for path, text in _expected(root).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
