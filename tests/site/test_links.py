"""What the built pages point to, without a browser."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from tools.notebook import target
from tools.numbering import chapters
from tools.project import Project


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, BeautifulSoup]:
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }


def test_links_and_anchors_resolve(pages: dict[Path, BeautifulSoup]) -> None:
    broken = []
    ids = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    for path, page in pages.items():
        for tag in page.find_all(["a", "link", "script", "img", "source"]):
            address = tag.get("href") or tag.get("src")
            if not address or urlsplit(address).scheme or address.startswith("//"):
                continue
            parts = urlsplit(address)
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not file.exists() or (anchor and file in ids and anchor not in ids[file]):
                broken.append(f"{path.name}: {address}")
    assert broken == []


def test_images_have_alt_text(pages: dict[Path, BeautifulSoup]) -> None:
    silent = [
        f"{path.name}: {image.get('src')}"
        for path, page in pages.items()
        for image in page.find_all("img")
        if not (image.get("alt") or "").strip() and image.get("aria-hidden") != "true"
    ]
    assert silent == []


def test_ids_are_unique(pages: dict[Path, BeautifulSoup]) -> None:
    for path, page in pages.items():
        ids = [tag["id"] for tag in page.find_all(id=True)]
        assert sorted(ids) == sorted(set(ids)), path.name


def test_launch_and_download_give_the_portable_notebook(site: Path, root: Path) -> None:
    project = Project.read(root)
    for source in chapters(root).values():
        page = (site / "book" / f"{source.stem}.html").read_text(encoding="utf-8")
        assert project.colab(f"book/{source.stem}.ipynb") in page
        assert f"_sources/book/{source.stem}.ipynb" in page
        offered = site / "_sources" / "book" / f"{source.stem}.ipynb"
        assert offered.read_bytes() == target(source).read_bytes()


def test_no_page_holds_a_live_widget(pages: dict[Path, BeautifulSoup]) -> None:
    for path, page in pages.items():
        assert "widget-view+json" not in str(page), path.name


def test_site_is_small(site: Path, root: Path) -> None:
    """At most 10 MB shared by all pages and about 1 MB a page."""
    size = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
    shared = sum(bytes_ for path, bytes_ in size.items() if "_static" in path.parts)
    assert shared <= 10 * 2**20
    for path in (site / "book").glob("*.html"):
        assert size[path] <= 2**20, path.name
