import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

REMEDY = "browser tests need Chromium: apt-get install chromium; pip install playwright"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium. Without one the test is skipped, or fails where CI is "true"."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        executable = None
    if executable is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(REMEDY)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()
