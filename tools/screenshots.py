"""``python -m tools.screenshots [--out DIR] [PAGE ...]``: pages as a reader sees them.

Each page of the built site is taken at desktop and phone width, light and dark, with every
request to the network refused, in slices of a height that can be looked at.
"""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from tools.project import ROOT

HTML = ROOT / "_build" / "html"
CHROMIUM = "/usr/bin/chromium"
WIDTHS = {"wide": 1400, "phone": 390}
SLICE = 1800  # pixels


def take(pages: list[str], out: Path, html: Path = HTML) -> list[Path]:
    """Write PNGs PAGE-WIDTH-SCHEME-SLICE.png; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, width in WIDTHS.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": SLICE},
                    color_scheme="dark" if scheme == "dark" else "light",
                    offline=True,
                )
                for page_name in pages:
                    page = context.new_page()
                    page.goto((html / f"{page_name}.html").as_uri())
                    page.evaluate("() => window.MathJax?.startup?.promise.then(() => null)")
                    height = page.evaluate("document.documentElement.scrollHeight")
                    for k in range(-(-height // SLICE)):
                        page.evaluate(f"window.scrollTo({{top: {k * SLICE}, behavior: 'instant'}})")
                        path = out / f"{Path(page_name).name}-{name}-{scheme}-{k}.png"
                        page.screenshot(path=path)
                        written.append(path)
                    page.close()
                context.close()
        browser.close()
    return written


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "screenshots")
    parser.add_argument("--html", type=Path, default=HTML)
    parser.add_argument("page", nargs="*", default=["book/index", "book/01-implicit-layers"])
    arguments = parser.parse_args()
    for path in take(arguments.page, arguments.out, arguments.html):
        print(path)


if __name__ == "__main__":
    main()
