"""The built book in a browser that can reach no network."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(str(path.with_suffix("").relative_to(ROOT)) for path in (ROOT / "book").glob("*.md"))
pytestmark = pytest.mark.browser


class Visit:
    """One page with what it logged and what it asked of other hosts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        self.external: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url}"))
        page.route("**/*", self._route)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _route(self, route: Any) -> None:
        url = route.request.url
        if url.startswith(("file:", "data:", "blob:", "http://127.0.0.1")):
            route.continue_()
        else:
            self.external.append(url)
            route.abort()

    def open(self, url: str) -> "Visit":
        self.page.goto(url)
        self.page.wait_for_function(
            "!document.querySelector('script[src*=tex-svg]') || window.MathJax?.startup?.promise"
        )
        self.page.evaluate("() => window.MathJax?.startup?.promise.then(() => null)")
        return self


@pytest.fixture
def visit(browser: Browser) -> Iterator[Any]:
    contexts = []

    def make(width: int = 1400, scheme: str = "light", **options: Any) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        contexts.append(context)
        return Visit(context.new_page())

    yield make
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_page_is_clean_from_disk(site: Path, visit: Any, page: str, scheme: str) -> None:
    """No console message, no request elsewhere, no sideways scroll, no serious axe violation."""
    seen = visit(width=390, scheme=scheme).open((site / f"{page}.html").as_uri())
    assert seen.problems == []
    assert seen.external == []
    assert seen.page.evaluate("document.documentElement.dataset.theme") == scheme
    widths = seen.page.evaluate(
        "[document.scrollingElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1], f"{page} scrolls sideways at 390 px: {widths}"
    found = Axe().run(seen.page).response["violations"]
    serious = [
        (v["id"], v["nodes"][0]["html"][:200], v["nodes"][0]["failureSummary"])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.parametrize("page", PAGES)
def test_mathematics_is_typeset(site: Path, visit: Any, page: str) -> None:
    """Every formula of the source becomes a typeset one, without an error."""
    seen = visit().open((site / f"{page}.html").as_uri())
    formulas = seen.page.locator(".math").count()
    assert seen.page.locator(".math mjx-container svg").count() >= formulas
    assert seen.page.locator("mjx-merror, [data-mjx-error]").count() == 0
    if page.startswith("book/0"):
        assert formulas > 20


def test_served_page_asks_no_other_host(site: Path, visit: Any) -> None:
    handler = functools.partial(_QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/book/01-implicit-layers.html"
        seen = visit().open(url)
        assert (seen.problems, seen.external) == ([], [])
        assert seen.page.locator("mjx-container").count() > 20
        server.shutdown()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def test_cobweb_answers_to_the_keyboard(site: Path, visit: Any) -> None:
    """On the page, arrow keys on a slider change the explorable's numbers."""
    seen = visit().open((site / "book/01-implicit-layers.html").as_uri())
    figure = seen.page.locator(".deqlab-explore[data-explore=cobweb]").first
    before = figure.evaluate("element => JSON.stringify(element.deqlab)")
    figure.locator("input[type=range]").first.focus()
    for _ in range(5):
        seen.page.keyboard.press("ArrowRight")
    assert figure.evaluate("element => JSON.stringify(element.deqlab)") != before
    assert seen.problems == []


def test_figures_are_visible_without_scripts(site: Path, visit: Any) -> None:
    seen = visit(java_script_enabled=False)
    seen.page.goto((site / "book/01-implicit-layers.html").as_uri())
    figures = seen.page.locator(".deqlab-explore")
    assert figures.count() >= 2
    for k in range(figures.count()):
        assert figures.nth(k).locator("img").first.is_visible()
        assert not figures.nth(k).locator("input").first.is_visible()


def test_search_works_without_a_network(site: Path, visit: Any) -> None:
    seen = visit().open((site / "search.html").as_uri() + "?q=contraction")
    seen.page.wait_for_selector("#search-results li a", timeout=10_000)
    assert seen.page.locator("#search-results li a").count() >= 2
    assert seen.external == []
