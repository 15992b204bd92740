import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deqlab.explore import Explorable


def assert_same_drawing(script: str, figure: Explorable) -> None:
    """Equal but for a last digit: JavaScript and Python round ties differently."""
    script = re.sub(r"></(path|circle|rect)>", "/>", script)
    python = figure.picture.split("/>", 1)[1][: -len("</svg>")]
    number = r"-?\d+\.\d"
    assert re.sub(number, "#", script) == re.sub(number, "#", python)
    pairs = zip(re.findall(number, script), re.findall(number, python), strict=True)
    assert max(abs(float(p) - float(q)) for p, q in pairs) < 0.11


@pytest.fixture
def same_drawing() -> Callable[[str, Explorable], None]:
    """Compares what a script drew with the still picture of Python."""
    return assert_same_drawing


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

    def look(self, state: dict[str, Any]) -> dict[str, Any]:
        """Set a state and return the numbers, the drawing and the text alternative.

        Of a long list of numbers the first 401 are returned.
        """
        found: dict[str, Any] = self.root().evaluate(
            """(root, state) => {
                root.deqlab.set(state);
                const short = Object.entries(root.deqlab.numbers).map(([name, value]) =>
                    [name, Array.isArray(value) ? value.slice(0, 401) : value]);
                const picture = root.querySelector("svg"), drawn = picture.querySelector("g");
                return {numbers: Object.fromEntries(short), markup: drawn.innerHTML,
                        label: picture.getAttribute("aria-label")};
            }""",
            state,
        )
        return found

    def drag(self, x: float, y: float, grip: int = 0) -> None:
        """Drag a grip of the first figure to a place, in widths and heights of its frame."""
        handle, frame = (
            self.root().locator(f"svg .dx-{name}").nth(k).bounding_box()
            for name, k in (("touch", grip), ("frame", 0))
        )
        self.page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
        self.page.mouse.down()
        self.page.mouse.move(
            frame["x"] + x * frame["width"], frame["y"] + y * frame["height"], steps=4
        )
        self.page.mouse.up()

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
