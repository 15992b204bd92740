"""Author-year citations for the portable notebooks, from ``book/references.bib``."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from pybtex.database import parse_file

from tools.project import ROOT


@cache
def bibliography(root: Path = ROOT) -> dict[str, Any]:
    """Entries of the bibliography by key."""
    return dict(parse_file(str(root / "book" / "references.bib")).entries)


def _plain(text: str) -> str:
    return re.sub(r"[{}]", "", text).replace("\\&", "&")


def _surnames(entry: Any) -> list[str]:
    return [_plain(" ".join(person.last_names)) for person in entry.persons["author"]]


def _names(entry: Any) -> str:
    names = _surnames(entry)
    if len(names) > 2:
        return f"{names[0]} et al."
    return " and ".join(names)


def textual(key: str, root: Path = ROOT) -> str:
    """'Bai et al. (2019)'."""
    entry = bibliography(root)[key]
    return f"{_names(entry)} ({entry.fields['year']})"


def parenthetical(keys: list[str], root: Path = ROOT) -> str:
    """'(Banach, 1922; Bai et al., 2019)'."""
    entries = [bibliography(root)[key] for key in keys]
    cited = "; ".join(f"{_names(entry)}, {entry.fields['year']}" for entry in entries)
    return f"({cited})"


def reference(key: str, root: Path = ROOT) -> str:
    """One line of a reference list, with a link where the entry has one."""
    entry = bibliography(root)[key]
    where = next(
        (
            _plain(entry.fields[name])
            for name in ("journal", "booktitle", "publisher", "howpublished")
            if name in entry.fields
        ),
        "",
    )
    authors = ", ".join(_surnames(entry))
    line = f"{authors} ({entry.fields['year']}). *{_plain(entry.fields['title'])}*."
    line += f" {where}." if where else ""
    if "doi" in entry.fields:
        line += f" [doi:{entry.fields['doi']}](https://doi.org/{entry.fields['doi']})"
    elif "url" in entry.fields:
        line += f" [link]({entry.fields['url']})"
    return line
