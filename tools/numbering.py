"""Numbers of theorems, exercises and equations, assigned once from the sources.

A chapter's number is its file's, so a new chapter renumbers nothing. Definitions, theorems and
their kin share one counter per chapter; exercises and equations have their own.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tools.project import ROOT
from tools.source import Directive, Math, Source, Text, read

THEOREMS = (
    "theorem",
    "lemma",
    "corollary",
    "proposition",
    "definition",
    "example",
    "remark",
    "algorithm",
    "conjecture",
    "assumption",
)

_HEADING = re.compile(r"^#\s+(?:(\d+)\.\s+)?(.+?)\s*$")
_TARGET = re.compile(r"^\(([\w:.-]+)\)=\s*$")


@dataclass(frozen=True)
class Label:
    """What a label names: ``kind`` is 'equation', 'exercise', 'section' or a theorem-like name."""

    kind: str
    chapter: str
    number: int
    title: str
    source: Path

    @property
    def text(self) -> str:
        """How a reference reads: 'Theorem 1.2', '(1.3)', or the section's title."""
        if self.kind == "section":
            return self.title
        number = f"{self.chapter}.{self.number}"
        return f"({number})" if self.kind == "equation" else f"{self.kind.capitalize()} {number}"


def chapter_title(source: Source) -> str:
    """Title of a chapter, without its number.

    Raises
    ------
    SourceError
        If the first heading is missing or its number is not the file's.
    """
    for block in source.blocks:
        for offset, line in enumerate(block.lines if isinstance(block, Text) else []):
            if match := _HEADING.match(line):
                if source.number is not None and match.group(1) != str(source.number):
                    raise source.error(
                        block.line + offset,
                        f"the title must begin with the file's number: '# {source.number}. ...'",
                    )
                return match.group(2)
    raise source.error(1, "there is no first-level heading")


def labels_of(source: Source) -> dict[str, Label]:
    """Labels of one source, numbered in document order.

    Raises
    ------
    SourceError
        For a theorem, definition or exercise without a label, and for a label used twice.
    """
    chapter = f"{'E' if source.path.name.startswith('sol') else ''}{source.number}"
    found: dict[str, Label] = {}
    counters = {"theorem": 0, "exercise": 0, "equation": 0}

    def add(label: str, kind: str, counter: str | None, title: str, line: int) -> None:
        if label in found:
            raise source.error(line, f"the label '{label}' is used twice")
        if counter:
            counters[counter] += 1
        found[label] = Label(kind, chapter, counters.get(counter or "", 0), title, source.path)

    for block in source.walk():
        if isinstance(block, Math) and block.label:
            add(block.label, "equation", "equation", "", block.line)
        elif isinstance(block, Directive):
            kind = block.name.removeprefix("prf:")
            if block.name == "exercise" or (block.name.startswith("prf:") and kind in THEOREMS):
                if "label" not in block.options:
                    raise source.error(block.line, f"a numbered {kind} needs ':label: ...'")
                counter = "exercise" if kind == "exercise" else "theorem"
                add(str(block.options["label"]), kind, counter, block.argument, block.line)
        elif isinstance(block, Text):
            for i, line in enumerate(block.lines):
                if target := _TARGET.match(line):
                    title = _next_heading(block.lines[i + 1 :])
                    add(target.group(1), "section", None, title, block.line + i)
    return found


def _next_heading(lines: list[str]) -> str:
    for line in lines:
        if line.startswith("#"):
            return line.lstrip("# ").strip()
    return ""


def chapters(root: Path = ROOT) -> dict[int, Path]:
    """Sources of the chapters that exist, by number."""
    return {int(path.name[:2]): path for path in sorted((root / "book").glob("[0-9][0-9]-*.md"))}


def sheet(number: int, root: Path = ROOT) -> str:
    """Path of exercise sheet ``number`` below the root; raises `LookupError` if there is none."""
    for path in (root / "exercises").glob(f"ex{number:02d}-*.ipynb"):
        return f"exercises/{path.name}"
    raise LookupError(f"there is no exercise sheet {number}")


def all_labels(root: Path = ROOT) -> dict[str, Label]:
    """Labels of every chapter.

    Raises
    ------
    SourceError
        If two chapters use the same label.
    """
    found: dict[str, Label] = {}
    for path in chapters(root).values():
        source = read(path)
        for name, label in labels_of(source).items():
            if name in found:
                raise source.error(1, f"the label '{name}' is also used in {found[name].source}")
            found[name] = label
    return found
