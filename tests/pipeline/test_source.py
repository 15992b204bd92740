"""Reading, numbering and flattening of small sources."""

from pathlib import Path

import pytest

from tools.flatten import Flattener
from tools.numbering import Label, labels_of
from tools.project import Project
from tools.source import Directive, Math, SourceError, Text, read

PROJECT = Project("T", "A", "https://github.com/o/n", "trunk", "1.0")


def write(tmp_path: Path, text: str, name: str = "07-x.md") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def flatten(path: Path) -> str:
    source = read(path)

    def value(target: str) -> str:
        return {"cell:n": "42"}[target]

    return Flattener(source, labels_of(source), value, PROJECT).blocks(source.blocks)


def test_blocks(tmp_path: Path) -> None:
    source = read(
        write(
            tmp_path, "# 7. X\n\n$$\na = b\n$$ (eq-a)\n\n:::{prf:theorem} T\n:label: t\nS.\n:::\n"
        )
    )
    text, math, theorem = source.blocks
    assert isinstance(text, Text)
    assert isinstance(math, Math)
    assert isinstance(theorem, Directive)
    assert (math.body, math.label, math.line) == ("a = b", "eq-a", 3)
    assert (theorem.argument, theorem.options, theorem.line) == ("T", {"label": "t"}, 7)


def test_numbers_are_the_file_s_and_kinds_share_a_counter(tmp_path: Path) -> None:
    text = ":::{prf:definition} D\n:label: d\nx\n:::\n"
    text += ":::{prf:theorem} T\n:label: t\n$$ e $$ (e)\n:::\n"
    text += ":::{exercise} E\n:label: ex\nx\n:::\n"
    labels = labels_of(read(write(tmp_path, text)))
    assert [labels[k].text for k in "dte"] + [labels["ex"].text] == [
        "Definition 7.1",
        "Theorem 7.2",
        "(7.1)",
        "Exercise 7.1",
    ]


def test_flattened_forms(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "(sec)=\n## Sec\n\nSee {prf:ref}`t`, {eq}`e`, {ref}`sec`, {ref}`there <sec>`, "
        "{chapter}`98`, {value}`cell:n` and `{eq}`.\n\n"
        "$$\nx\n$$ (e)\n\n:::{prf:theorem} Name\n:label: t\nHolds.\n:::\n\n"
        ":::{prf:proof}\nClear from {eq}`e`.\n:::\n\n:::{hint} 2\nThink.\n:::\n\n"
        ":::{note}\nN.\n:::\n",
    )
    assert flatten(path) == (
        "## Sec\n\nSee Theorem 7.1, (7.1), Sec, there, chapter 98, 42 and `{eq}`.\n\n"
        "$$\nx \\tag{7.1}\n$$\n\n**Theorem 7.1 (Name).** Holds.\n\n*Proof.* Clear from (7.1). ∎\n\n"
        "<details>\n<summary>Hint 2</summary>\n\nThink.\n\n</details>\n\n**Note.** N."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n{download}`x`", r"07-x.md:2: the role \{download\} has no plain form"),
        ("\n\n:::{card}\nx\n:::", r"07-x.md:3: the directive \{card\} has no plain form"),
        ("{eq}`nowhere`", "the reference 'nowhere' names no label"),
        ("{cite:t}`nobody1900`", "no entry 'nobody1900' in references.bib"),
        ("[x](02-y.md)", "the link '02-y.md' is relative"),
        ("{sheet}`97`", r"\{sheet\}: there is no exercise sheet 97"),
        ("{chapter}`four`", r"\{chapter\} takes a number, got 'four'"),
        (":::{prf:theorem} T\nx\n:::", "a numbered theorem needs ':label: ...'"),
        (":::{note}\nx", "the block opened with ::: is not closed"),
        ("$$\nx", r"the formula is not closed by '\$\$'"),
        ("- a\n  ```{note}\n  x\n  ```", "an indented directive: begin it at the margin"),
        ("$$ a $$ (e)\n\n$$ b $$ (e)", "the label 'e' is used twice"),
    ],
)
def test_what_cannot_be_carried_over_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        flatten(write(tmp_path, text))


def test_a_label_reads_as_its_kind() -> None:
    label = Label("exercise", "E2", 3, "", Path("sol02-x.md"))
    assert label.text == "Exercise E2.3"
