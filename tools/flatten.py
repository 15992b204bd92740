"""MyST Markdown -> plain Markdown that Jupyter, Colab and GitHub show alike.

Only the directives and roles below are carried over; any other is an error with file and line.
"""

import re
from collections.abc import Callable
from pathlib import Path

from tools import citations
from tools.numbering import THEOREMS, Label, chapter_title, chapters, sheet
from tools.project import ROOT, Project
from tools.source import Block, Code, Directive, Math, Source, Text, read

ADMONITIONS = ("note", "tip", "warning", "important", "seealso")
_ROLE = re.compile(r"(?:\{([\w:-]+)\})?(`+)(.+?)(?<!`)\2(?!`)", re.DOTALL)
_TITLED = re.compile(r"^(.*?)\s*<([^<>]+)>$", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)]*)\)")

Values = Callable[[str], str]


class Flattener:
    """Flattens the text of one source.

    Parameters
    ----------
    source : Source
        The parsed MyST file.
    labels : dict of str to Label
        Every label that a reference may name.
    values : callable
        Maps ``'cell:name'`` to the number that the cell printed.
    """

    def __init__(
        self,
        source: Source,
        labels: dict[str, Label],
        values: Values,
        project: Project,
        root: Path = ROOT,
    ) -> None:
        self.source = source
        self.labels = labels
        self.values = values
        self.project = project
        self.root = root
        self.cited: list[str] = []

    def blocks(self, blocks: list[Block]) -> str:
        """Plain Markdown of a list of blocks."""
        parts = (self._block(block).strip("\n") for block in blocks)
        return "\n\n".join(part for part in parts if part.strip())

    def _block(self, block: Block) -> str:
        match block:
            case Text():
                lines = [line for line in block.lines if not re.match(r"^\([\w:.-]+\)=\s*$", line)]
                return self._inline("\n".join(lines), block.line)
            case Code():
                return "\n".join(block.lines)
            case Math():
                tag = f" \\tag{{{self._number(block.label, block.line)}}}" if block.label else ""
                return f"$$\n{block.body}{tag}\n$$"
            case Directive():
                return self._directive(block)

    def _number(self, label: str, line: int) -> str:
        return self._label(label, line).text.strip("()")

    def _label(self, name: str, line: int) -> Label:
        if name not in self.labels:
            raise self.source.error(line, f"the reference '{name}' names no label")
        return self.labels[name]

    def _directive(self, block: Directive) -> str:
        kind = block.name.removeprefix("prf:")
        title = self._inline(block.argument, block.line)
        body = self.blocks(block.body)
        named = f" ({title})" if title else ""
        if block.name == "prf:proof":
            return f"*Proof{named}.* {body} ∎"
        if block.name == "exercise" or (block.name.startswith("prf:") and kind in THEOREMS):
            label = self._label(str(block.options["label"]), block.line)
            return f"**{label.text}{named}.** {body}"
        if block.name in ADMONITIONS:
            heading = {"seealso": "See also"}.get(block.name, block.name.capitalize())
            return f"**{heading}.** {body}"
        if block.name == "admonition":
            return f"**{title}.** {body}"
        if block.name in ("dropdown", "solution", "hint"):
            if block.name == "solution":
                title = f"Solution to {self._label(block.argument, block.line).text}"
            elif block.name == "hint":
                title = f"Hint {title}".strip()
            return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"
        raise self.source.error(
            block.line,
            f"the directive {{{block.name}}} has no plain form; use another",
        )

    def _inline(self, text: str, line: int) -> str:
        if link := _LINK.search(text):
            at = line + text[: link.start()].count("\n")
            raise self.source.error(
                at, f"the link '{link.group(1)}' is relative; use {{ref}}, {{doc}} or {{chapter}}"
            )

        def replace(match: re.Match[str]) -> str:
            role, _, content = match.groups()
            if role is None:
                return match.group(0)
            return self._role(role, content, line + text[: match.start()].count("\n"))

        return _ROLE.sub(replace, text)

    def _role(self, role: str, content: str, line: int) -> str:
        titled = _TITLED.match(content)
        title, target = (titled.group(1), titled.group(2)) if titled else (None, content)
        match role:
            case "eq":
                return self._label(target, line).text
            case "ref" | "numref" | "prf:ref":
                return title or self._label(target, line).text
            case "term":
                return title or target
            case "value":
                try:
                    return self.values(target)
                except LookupError as error:
                    raise self.source.error(line, str(error)) from None
            case "sheet":
                try:
                    return f"[exercise sheet {target}]({self.project.blob(sheet(int(target)))})"
                except (ValueError, LookupError) as error:
                    raise self.source.error(line, f"{{sheet}}: {error}") from None
            case "chapter":
                return self._chapter(target, title, line)
            case "doc":
                path = self.source.path.parent / f"{target}.md"
                if not path.exists():
                    raise self.source.error(line, f"the page '{target}' does not exist")
                address = self.project.blob(f"{path.parent.name}/{path.name}")
                return f"[{title or chapter_title(read(path))}]({address})"
            case "cite:t" | "cite:p":
                keys = [key.strip() for key in target.split(",")]
                unknown = [key for key in keys if key not in citations.bibliography(self.root)]
                if unknown:
                    raise self.source.error(line, f"no entry '{unknown[0]}' in references.bib")
                self.cited += [key for key in keys if key not in self.cited]
                if role == "cite:p":
                    return citations.parenthetical(keys, self.root)
                return ", ".join(citations.textual(key, self.root) for key in keys)
        raise self.source.error(line, f"the role {{{role}}} has no plain form; use another")

    def _chapter(self, target: str, title: str | None, line: int) -> str:
        if not target.isdigit():
            raise self.source.error(line, f"{{chapter}} takes a number, got '{target}'")
        text = title or f"chapter {int(target)}"
        path = chapters(self.root).get(int(target))
        if path is None or path.resolve() == self.source.path.resolve():
            return text
        return f"[{text}]({self.project.blob(f'book/{path.stem}.ipynb')})"

    def references(self) -> str:
        """The list of what this source cites; empty if it cites nothing."""
        if not self.cited:
            return ""
        items = sorted(citations.reference(key, self.root) for key in self.cited)
        return "## References\n\n" + "\n".join(f"- {item}" for item in items)
