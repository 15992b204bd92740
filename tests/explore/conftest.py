from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deqlab.explore import Explorable

THEMES = {
    "light": '<html lang="en" data-theme="light">',
    "dark": '<html lang="en" data-theme="dark">',
}


class Page:
    """A page with explorables that can reach nothing; it remembers what went wrong."""

    def __init__(self, browser: Any, *figures: Explorable, theme: str = "light", **options: Any):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        paper = "#14181e" if theme == "dark" else "#fff"
        body = "\n".join(f"<div>{figure._repr_html_()}</div>" for figure in figures)
        html = (
            f"<!doctype html>{THEMES[theme]}<head><meta charset='utf-8'><title>Explorables</title>"
            "<meta name='viewport' content='width=device-width'></head>"
            f"<body style='background:{paper}'><main>{body}</main></body></html>"
        )
        self.page.route("**/*", lambda route: route.fulfill(body=html, content_type="text/html"))
        self.page.goto("http://book.invalid/")

    def root(self, k: int = 0) -> Any:
        return self.page.locator(".deqlab-explore").nth(k)

    def slider(self, label: str, k: int = 0) -> Any:
        return self.root(k).get_by_role("slider", name=label)

    def state(self, k: int = 0) -> Any:
        return self.root(k).evaluate("root => root.deqlab.state")

    def numbers(self, k: int = 0) -> Any:
        return self.root(k).evaluate("root => root.deqlab.numbers")

    def verdict(self, k: int = 0) -> str:
        return str(self.root(k).locator("[aria-live]").inner_text())


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Page]]:
    pages: list[Page] = []

    def open_page(*figures: Explorable, **options: Any) -> Page:
        pages.append(Page(browser, *figures, **options))
        return pages[-1]

    yield open_page
    for page in pages:
        page.context.close()
        assert page.errors == []
        outside = [url for url in page.requests[1:] if not url.startswith("data:")]
        assert outside == []
