"""HTML pages that stand alone: one file, no script, no request, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

# What an outcome looks like: a word and a mark, so that colour is never alone.
MARKS = {"ok": "good", "partly": "some", "not-attempted": "none"}


def render(template: str, **values: Any) -> str:
    """Return a page from ``templates/``.

    Parameters
    ----------
    template : str
        Name of the file.
    **values
        Text among them is untrusted, and is escaped wherever it stands.

    Returns
    -------
    str
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("deqlab.course"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = points
    environment.filters["seconds"] = seconds
    environment.filters["limits"] = limits
    environment.globals["mark"] = lambda outcome: MARKS.get(outcome, "bad")
    return environment


def points(number: float) -> str:
    """Return points as people write them: at most two decimals, none that are zero."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def seconds(number: float | None) -> str:
    """Return a time with two digits, a dash if there is none."""
    if number is None:
        return "–"
    return f"{number:.1f} s" if number < 10 else f"{number:.0f} s"


def limits(numbers: Mapping[str, float]) -> str:
    """Return limits as people write them: ``memory_bytes: 2**31`` is a memory of 2 GiB."""
    texts = []
    for name, number in numbers.items():
        what, _, unit = name.rpartition("_")
        if unit == "bytes":
            scale, unit = (1 << 30, "GiB") if number >= 1 << 30 else (1 << 20, "MiB")
            texts.append(f"{what} {number / scale:g} {unit}")
        elif unit == "seconds":
            texts.append(f"{what} {number:g} s")
        else:
            texts.append(f"{name} {number:g}")
    return ", ".join(texts)


def chapter_url(exercise: str) -> str:
    """Return where the chapter of an exercise is read: ``exNN-slug`` goes with ``NN-slug``."""
    for entry in metadata.metadata("deqlab").get_all("Project-URL") or []:
        label, _, url = entry.partition(", ")
        if label == "Repository":
            return f"{url}/blob/HEAD/book/{exercise.removeprefix('ex')}.ipynb"
    return ""
