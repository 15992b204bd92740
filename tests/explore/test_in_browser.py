"""Explorables in a headless Chromium: the scripts compute what Python computes, and serve all."""

import math
import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from deqlab.explore import Explorable, cobweb, frames
from deqlab.explore._orbits import MAPS

pytestmark = pytest.mark.browser

EPS = 2.0**-52
FUNCTIONS: dict[str, Callable[[float, float, float], float]] = {
    "affine": lambda z, a, b: a * z + b,
    "cos": lambda z, a, b: math.cos(a * z),
    "tanh": lambda z, a, b: math.tanh(a * z + b),
    "babylonian": lambda z, a, b: (z + a / z) / 2,
    "logistic": lambda z, a, b: a * z * (1 - z),
}
DERIVATIVES: dict[str, Callable[[float, float, float], float]] = {
    "affine": lambda z, a, b: a,
    "cos": lambda z, a, b: a * math.sin(a * z),
    "tanh": lambda z, a, b: a / math.cosh(a * z + b) ** 2,
    "babylonian": lambda z, a, b: (1 - a / z**2) / 2,
    "logistic": lambda z, a, b: a - 2 * a * z,
}
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


def _states() -> list[dict[str, Any]]:
    """Every map at chosen and at random parameters, without chaos in inexact functions."""
    chosen = [
        ("affine", 1.5, -1.0, 2.0),
        ("affine", 1.0, 0.0, 0.5),
        ("affine", 1.0, 0.01, 0.5),
        ("affine", -1.0, 1.0, 0.0),
        ("affine", -1.2, 1.0, 0.0),
        ("affine", 1.2, 1.0, 0.0),
        ("tanh", 1.0, 0.0, 0.5),
        ("tanh", 3.0, 0.1, 0.5),
        ("tanh", -2.0, 0.1, 0.5),
        ("cos", 1.0, 0.0, 0.1),
        ("cos", 1.6, 0.0, 0.1),
        ("babylonian", 2.0, 0.0, 0.0),
        ("babylonian", 2.0, 0.0, -0.01),
        ("logistic", 3.9, 0.0, 0.3),
        ("logistic", 4.0, 0.0, 0.5),
        ("logistic", 3.55, 0.0, 0.3),
        ("logistic", 3.0, 0.0, 0.3),
        ("logistic", 2.0, 0.0, 1.2),
    ]
    draw = random.Random(1)
    for _ in range(60):
        name = draw.choice(sorted(MAPS))
        m = MAPS[name]
        limits = [(0, 1.9) if name == "cos" else m.a, m.b or (0, 0), m.window]
        values = [draw.randint(round(100 * p), round(100 * q)) / 100 for p, q in limits]
        chosen.append((name, *values))  # type: ignore[arg-type]
    return [
        {"map": name, "a": a, "b": b, "start": start, "steps": draw.randint(1, 60)}
        for name, a, b, start in chosen
    ]


def _python(state: dict[str, Any]) -> Explorable:
    arguments = {key: value for key, value in state.items() if key != "b" or MAPS[state["map"]].b}
    return cobweb(**arguments)


def _reference(state: dict[str, Any]) -> tuple[list[float], list[float]]:
    """An orbit, with bounds on its rounding: |f'| a step, and a few units in the last place."""
    name, a, b = state["map"], state["a"], state["b"]
    points, bounds = [state["start"]], [0.0]
    while len(points) <= state["steps"] and abs(points[-1]) <= 1e6:
        z = points[-1]
        if name == "babylonian" and z == 0:
            return [*points, math.inf], [*bounds, 0.0]
        points.append(FUNCTIONS[name](z, a, b))
        growth = 1.01 * abs(DERIVATIVES[name](z, a, b))
        bounds.append(growth * bounds[-1] + 8 * EPS * max(1, abs(points[-1])))
    return points, bounds


def test_the_script_iterates_like_plain_floats(visit: Callable[..., Page]) -> None:
    root = visit(cobweb()).root()
    for state in _states():
        numbers = root.evaluate("(root, s) => (root.deqlab.set(s), root.deqlab.numbers)", state)
        points, bounds = _reference(state)
        assert len(numbers["orbit"]) == len(points), state
        for found, z, bound in zip(numbers["orbit"], points, bounds, strict=True):
            assert found == z or abs(found - z) <= bound, state
        lengths = [abs(q - p) for p, q in pairwise(numbers["orbit"])]
        assert numbers["lengths"] == lengths, state


def test_script_and_python_agree_on_fixed_points_verdict_and_picture(
    visit: Callable[..., Page],
) -> None:
    root = visit(cobweb()).root()
    for state in _states():
        figure = _python(state)
        found = root.evaluate(
            """(root, s) => {
                root.deqlab.set(s);
                const picture = root.querySelector("svg"), drawn = picture.querySelector("g");
                return {fixed: root.deqlab.numbers.fixed, markup: drawn.innerHTML,
                        label: picture.getAttribute("aria-label")};
            }""",
            state,
        )
        m = MAPS[state["map"]]
        fixed = m.fixed_points(state["a"], state["b"])
        assert [point["z"] for point in found["fixed"]] == pytest.approx(fixed, abs=1e-12)
        assert found["label"] == figure.alt
        _assert_same_drawing(found["markup"], figure.picture.split("/>", 1)[1][: -len("</svg>")])


def _assert_same_drawing(script: str, python: str) -> None:
    """Equal but for a last digit: JavaScript and Python round ties differently."""
    script = re.sub(r"></(path|circle|rect)>", "/>", script)
    number = r"-?\d+\.\d"
    assert re.sub(number, "#", script) == re.sub(number, "#", python)
    pairs = zip(re.findall(number, script), re.findall(number, python), strict=True)
    assert max(abs(float(p) - float(q)) for p, q in pairs) < 0.11


def test_the_keyboard_changes_the_numbers(visit: Callable[..., Page]) -> None:
    page = visit(cobweb("cos", a=1, start=0.1))
    before = page.numbers()
    page.slider("frequency a").focus()
    for _ in range(50):
        page.page.keyboard.press("ArrowRight")
    assert page.state()["a"] == 1.5
    assert page.slider("frequency a").get_attribute("aria-valuetext") == "1.50"
    assert page.numbers()["orbit"] != before["orbit"]
    assert page.verdict().startswith("oscillates: settles on the 2-cycle")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("ArrowLeft")
    assert page.state()["start"] == 0.09
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("ArrowLeft")
    assert page.state()["steps"] == 19
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")  # Reset
    assert page.state() == cobweb("cos", a=1, start=0.1).config["state"]


def test_choosing_a_map_shows_its_parameters(visit: Callable[..., Page]) -> None:
    page = visit(cobweb("cos"))
    assert page.slider("offset b").count() == 0
    page.root().get_by_role("combobox", name="map f(z) =").select_option("tanh")
    assert page.slider("offset b").count() == 1
    assert page.slider("weight a").get_attribute("min") == "-3"
    assert page.state() == cobweb("tanh").config["state"]
    assert page.root().locator(".dx-attracting").count() == 2


def test_the_start_can_be_dragged(visit: Callable[..., Page]) -> None:
    page = visit(cobweb("affine", start=-3))
    grip, plot = (
        page.root().locator(f"svg .dx-{name}").bounding_box() for name in ("grip", "frame")
    )
    page.page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.page.mouse.down()
    page.page.mouse.move(plot["x"] + 0.75 * plot["width"], grip["y"], steps=5)
    page.page.mouse.up()
    assert page.state()["start"] == pytest.approx(2, abs=0.02)  # three quarters of [-4, 4]
    page.page.mouse.move(plot["x"], grip["y"])
    assert page.state()["start"] == pytest.approx(2, abs=0.02)


def test_the_start_can_be_dragged_by_touch(visit: Callable[..., Page]) -> None:
    page = visit(cobweb("affine", start=-3), has_touch=True, viewport={"width": 390, "height": 800})
    grip, plot = (
        page.root().locator(f"svg .dx-{name}").bounding_box() for name in ("grip", "frame")
    )
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    device = page.context.new_cdp_session(page.page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for step in range(1, 11):
        touch("touchMove", {"x": x + step / 10 * (plot["x"] + plot["width"] / 2 - x), "y": y})
    touch("touchEnd")
    assert page.state()["start"] == pytest.approx(0, abs=0.03)  # the middle of [-4, 4]


def test_two_equal_explorables_work_apart(visit: Callable[..., Page]) -> None:
    page = visit(cobweb("cos"), cobweb("cos"))
    page.slider("frequency a", 1).focus()
    page.page.keyboard.press("End")
    assert [page.state(k)["a"] for k in (0, 1)] == [1, 3]
    assert page.slider("frequency a", 0).input_value() == "1"
    ids = page.page.evaluate("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(set(ids)) == len(ids)


def test_an_explorable_that_is_inserted_later_comes_alive(visit: Callable[..., Page]) -> None:
    """As a notebook does it: innerHTML, then every script anew."""
    page = visit(cobweb("cos"))
    page.page.evaluate(
        """html => {
            const host = document.createElement("div");
            host.innerHTML = html;
            document.body.append(host);
            const old = host.querySelector("script"), script = document.createElement("script");
            script.textContent = old.textContent;
            old.replaceWith(script);
        }""",
        cobweb("tanh")._repr_html_(),
    )
    assert [page.state(k)["map"] for k in (0, 1)] == ["cos", "tanh"]


def test_without_scripts_the_picture_shows_and_no_control(visit: Callable[..., Page]) -> None:
    page = visit(cobweb("cos"), java_script_enabled=False)
    image = page.page.get_by_role("img")
    assert image.count() == 1
    assert image.get_attribute("alt") == cobweb("cos").alt
    box = image.bounding_box()
    assert box["width"] > 300
    assert box["height"] == pytest.approx(box["width"], abs=1)
    assert page.page.locator("input, select, button, output").count() == 0
    assert page.page.get_by_text("From z₀ = 0.10: converges to 0.7391").is_visible()


def test_print_shows_the_picture_in_light_colours_and_no_control(
    visit: Callable[..., Page],
) -> None:
    page = visit(cobweb("cos"), theme="dark")
    page.page.emulate_media(media="print")
    assert page.root().get_by_role("img").first.is_visible()
    assert page.slider("steps").count() == 0
    background = page.root().evaluate("root => getComputedStyle(root).backgroundColor")
    assert background == "rgb(255, 255, 255)"


@pytest.mark.parametrize(
    ("prepare", "dark"),
    [
        ("document.documentElement.dataset.theme = 'dark'", True),
        ("document.documentElement.setAttribute('theme', 'dark')", True),
        ("document.body.dataset.jpThemeLight = 'false'", True),
        ("document.body.className = 'vscode-dark'", True),
        ("document.body.dataset.jpThemeLight = 'true'", False),
    ],
)
def test_the_theme_of_the_host_is_followed(
    visit: Callable[..., Page], prepare: str, dark: bool
) -> None:
    page = visit(cobweb("cos"))
    page.page.evaluate(prepare)
    background = page.root().evaluate("root => getComputedStyle(root).backgroundColor")
    assert background == ("rgb(20, 24, 30)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize("name", sorted(MAPS))
def test_a_phone_shows_all_without_scrolling_sideways(
    visit: Callable[..., Page], name: str
) -> None:
    page = visit(cobweb(name, steps=60), viewport={"width": 390, "height": 800})
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    smallest = page.root().evaluate(
        """root => Math.min(...[...root.querySelectorAll("svg text")].map(text =>
            parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().d))"""
    )
    assert smallest >= 11
    heights = page.root().evaluate(
        "root => [...root.querySelectorAll('input, select, button')]"
        ".map(node => node.offsetHeight).filter(height => height)"
    )
    assert min(heights) >= 24  # WCAG 2.2, 2.5.8: the least size of a target


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_axe_finds_no_serious_violation(visit: Callable[..., Page], theme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(cobweb("tanh"), powers(), theme=theme, viewport={"width": width, "height": 800})
    violations = axe.run(page.page).response["violations"]
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


def powers() -> Explorable:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib.figure import Figure

    def draw(power: int) -> Figure:
        figure = Figure()
        figure.subplots().plot([z / 20 for z in range(21)], [(z / 20) ** power for z in range(21)])
        return figure

    return frames(draw, [1, 2, 3], label="power p", alt="The power z^{}", readout="p = {}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_frames_follow_the_slider(visit: Callable[..., Page], theme: str) -> None:
    page = visit(powers(), theme=theme, viewport={"width": 390, "height": 800})
    image = page.page.get_by_role("img")
    sources = []
    for power in (1, 2, 3):
        assert image.get_attribute("alt") == f"The power z^{power}"
        assert page.slider("power p").get_attribute("aria-valuetext") == f"p = {power}"
        image.evaluate("image => image.decode()")
        sources.append(image.get_attribute("src"))
        page.slider("power p").press("ArrowRight")
    assert len(set(sources)) == 3
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    darkened = image.evaluate("image => getComputedStyle(image).filter")
    assert darkened == ("invert(1) hue-rotate(180deg)" if theme == "dark" else "none")


def test_frames_without_scripts_show_the_first(visit: Callable[..., Page]) -> None:
    page = visit(powers(), java_script_enabled=False)
    assert page.page.get_by_role("img").get_attribute("alt") == "The power z^1"
    assert page.page.get_by_text("power p: p = 1").is_visible()
