"""The HTML of an interactive figure: a still picture, its configuration and its script."""

import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote


@cache
def _asset(name: str) -> str:
    """Return a script or a style sheet without comment lines and most of the white space."""
    text = (files("deqlab.explore") / name).read_text(encoding="utf-8")
    if name.endswith(".css"):
        return re.sub(r"\s*([{};,])\s*|(:)\s+", r"\1\2", text)
    text = re.sub(r"(?m)^\s*(//.*)?", "", text).strip()
    text = "\n".join(map(_without_spaces, text.split("\n")))
    return re.sub(r"([{(,;])\n|\n(?=[}?:*&|])", r"\1", text)


def _without_spaces(line: str) -> str:
    """Return a line of a script without spaces about operators, unless it has a template."""
    if "`" in line:
        return line
    parts = re.split(r'("[^"]*")', line)  # the strings are at odd places
    pattern = r" ?([=<>?:,;*/&|{}]+) ?| ([-+]) (?![-+])|\b(if|for|while) (?=\()"
    parts[::2] = (re.sub(pattern, r"\1\2\3", part) for part in parts[::2])
    return "".join(parts)


def data_uri(svg: str) -> str:
    """Return an SVG document as a ``data:`` address that may stand in an attribute.

    Parameters
    ----------
    svg : str
        The document, from ``<svg`` to ``</svg>``.

    Returns
    -------
    str
        The address. Characters that end an attribute or a token are percent-encoded.
    """
    return "data:image/svg+xml," + quote(svg, safe=" !$'()*+,-./:;<=>?@[]^_`{|}~")


@dataclass(frozen=True, kw_only=True)
class Explorable:
    """An interactive figure, shown by a notebook when it is the value of a cell.

    The still picture is an ``<img>`` and not inline SVG, since JupyterLab removes SVG elements
    from the output of an untrusted notebook but keeps images. The controls are made by the
    script, so that none is ever shown that does nothing.

    Parameters
    ----------
    kind : str
        Name under which the last script calls ``explore(kind, ...)``.
    scripts : tuple[str, ...]
        Files of this package that run after ``explore.js``, which describes what they provide.
    config : Mapping[str, Any]
        What the script starts from; JSON-serialisable.
    picture : str
        The initial state as an SVG document.
    alt : str
        The text alternative of the picture.
    caption : str
        The line below the still picture.
    description : str, optional
        The ``text/plain`` representation, where it is not ``alt``.
    """

    kind: str
    scripts: tuple[str, ...]
    config: Mapping[str, Any]
    picture: str
    alt: str
    caption: str
    description: str = ""

    @property
    def id(self) -> str:
        """The kind and a hash of the configuration: equal figures have equal ids."""
        content = json.dumps([self.kind, self.config], sort_keys=True, ensure_ascii=False)
        return f"{self.kind}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    def still(self) -> str:
        """Return the HTML of the still picture alone, without script or style."""
        return (
            f'<img class="dx-still" alt="{html.escape(self.alt)}" '
            f'src="{html.escape(data_uri(self.picture))}">'
            f'<p class="dx-caption">{html.escape(self.caption)}</p>'
        )

    def _repr_html_(self) -> str:
        config = html.escape(json.dumps(self.config, ensure_ascii=False), quote=False)
        script = "\n".join(_asset(name) for name in ("explore.js", *self.scripts))
        return (
            f'<div class="deqlab-explore" data-explore="{self.kind}" data-id="{self.id}" '
            f"data-config='{config.replace(chr(39), '&#39;')}'>\n"
            f"<style>{_asset('explore.css')}</style>\n"
            f"{self.still()}\n"
            f'<script>(() => {{\n"use strict";\n{script}\n}})();</script>\n</div>'
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return self.description or self.alt
