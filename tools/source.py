"""Reads a MyST source into blocks: text, fenced code, display mathematics and directives."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FENCE = re.compile(r"^(`{3,}|~{3,}|:{3,})\s*(?:\{([\w:.-]+)\}[ \t]*(.*)|([^`{]*))$")
_OPTION = re.compile(r"^:([\w-]+):[ \t]*(.*)$")
_MATH_LABEL = re.compile(r"\$\$[ \t]*(?:\(([\w:.-]+)\))?[ \t]*$")


class SourceError(ValueError):
    """Something in a source that the pipeline cannot carry to the page and the notebook."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")


@dataclass
class Text:
    """Plain Markdown."""

    lines: list[str]
    line: int


@dataclass
class Code:
    """A fenced block that is shown, not run."""

    lines: list[str]
    line: int


@dataclass
class Math:
    """Display mathematics between ``$$``, with its label if it has one."""

    body: str
    label: str | None
    line: int


@dataclass
class Directive:
    """``{name} argument`` with options and, but for code cells, a parsed body.

    ``line`` is where the fence opens, ``raw_line`` where the content begins.
    """

    name: str
    argument: str
    options: dict[str, Any]
    raw: list[str]
    body: list["Block"]
    line: int
    raw_line: int


Block = Text | Code | Math | Directive


@dataclass(frozen=True)
class Source:
    """One MyST file. ``number`` is the chapter's, from the file name; None for other pages."""

    path: Path
    number: int | None
    blocks: list[Block]

    def walk(self) -> Iterator[Block]:
        """Every block in document order, nested ones included."""

        def visit(blocks: list[Block]) -> Iterator[Block]:
            for block in blocks:
                yield block
                if isinstance(block, Directive):
                    yield from visit(block.body)

        yield from visit(self.blocks)

    def error(self, line: int, message: str) -> SourceError:
        return SourceError(self.path, line, message)


def chapter_number(path: Path) -> int | None:
    """The number in ``NN-slug.md`` or ``solNN-slug.md``; None for a page without one."""
    match = re.match(r"^(?:sol|ex)?(\d\d)-", path.name)
    return int(match.group(1)) if match else None


def read(path: Path) -> Source:
    """Parse a source file.

    Raises
    ------
    SourceError
        For an unclosed fence or formula, or options that are not YAML, with file and line.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    start = 0
    if lines and lines[0] == "---":
        try:
            start = lines.index("---", 1) + 1
        except ValueError:
            raise SourceError(path, 1, "the front matter is not closed by '---'") from None
    blocks = _parse(path, lines[start:], start + 1)
    return Source(path, chapter_number(path), blocks)


def _parse(path: Path, lines: list[str], first: int) -> list[Block]:
    blocks: list[Block] = []
    text: list[str] = []
    i = text_start = 0

    def flush() -> None:
        if any(line.strip() for line in text):
            blocks.append(Text(text.copy(), first + text_start))
        text.clear()

    while i < len(lines):
        here = first + i
        if fence := _FENCE.match(lines[i]):
            flush()
            end = _closing(path, lines, i, fence.group(1), here)
            if fence.group(2) is None:
                blocks.append(Code(lines[i : end + 1], here))
            else:
                blocks.append(
                    _directive(path, fence.group(2), fence.group(3), lines[i + 1 : end], here)
                )
            i = text_start = end + 1
        elif lines[i].startswith("$$"):
            flush()
            end = i
            while not (_MATH_LABEL.search(lines[end]) and (end > i or lines[i].count("$$") == 2)):
                end += 1
                if end == len(lines):
                    raise SourceError(path, here, "the formula is not closed by '$$'")
            formula = "\n".join(lines[i : end + 1])
            label = _MATH_LABEL.search(formula)
            assert label is not None
            blocks.append(Math(formula[2 : label.start()].strip(), label.group(1), here))
            i = text_start = end + 1
        else:
            if not text:
                text_start = i
            if re.match(r"\s+(`{3,}|:{3,})\{", lines[i]):
                raise SourceError(path, here, "an indented directive: begin it at the margin")
            text.append(lines[i])
            i += 1
    flush()
    return blocks


def _closing(path: Path, lines: list[str], opening: int, fence: str, line: int) -> int:
    close = re.compile(rf"^{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    for i in range(opening + 1, len(lines)):
        if close.match(lines[i]):
            return i
    raise SourceError(path, line, f"the block opened with {fence} is not closed")


def _directive(path: Path, name: str, argument: str, body: list[str], line: int) -> Directive:
    taken = 0
    if body and body[0] == "---":
        taken = body.index("---", 1) + 1 if "---" in body[1:] else len(body)
        yaml_text = "\n".join(body[1 : taken - 1])
    else:
        while taken < len(body) and _OPTION.match(body[taken]):
            taken += 1
        yaml_text = "\n".join(line[1:].replace(":", ": ", 1) for line in body[:taken])
    try:
        options = yaml.safe_load(yaml_text) or {}
    except yaml.YAMLError as error:
        raise SourceError(path, line, f"the options of {{{name}}} are not YAML: {error}") from None
    raw = body[taken:]
    while raw and not raw[0].strip():
        raw, taken = raw[1:], taken + 1
    while raw and not raw[-1].strip():
        raw = raw[:-1]
    raw_line = line + 1 + taken
    nested = [] if name == "code-cell" else _parse(path, raw, raw_line)
    return Directive(name, argument.strip(), options, raw, nested, line, raw_line)
