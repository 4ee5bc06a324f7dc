"""A Chromium for the tests of pages; where there is none they are skipped, unless JSL_REQUIRE_BROWSER is set."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
_EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_MISSING = [name for name in ("playwright", "axe_playwright_python") if find_spec(name) is None]
if _EXECUTABLE is None:
    _MISSING.append("chromium")

needs_browser = pytest.mark.skipif(
    bool(_MISSING) and not os.environ.get("JSL_REQUIRE_BROWSER"), reason=f"not here: {', '.join(_MISSING)}"
)


@contextmanager
def chromium(*, restores_pages: bool = False) -> Iterator[Any]:
    """A running browser (playwright's ``Browser``).

    Args:
        restores_pages: "back" shows a page as it was left, as it does in people's browsers; Playwright's loads it
            again.
    """
    assert not _MISSING, f"JSL_REQUIRE_BROWSER is set, but not here: {', '.join(_MISSING)}"
    with import_module("playwright.sync_api").sync_playwright() as playwright:
        without = ["--disable-back-forward-cache"] if restores_pages else None
        browser = playwright.chromium.launch(
            executable_path=_EXECUTABLE, args=_FLAGS, ignore_default_args=without
        )
        try:
            yield browser
        finally:
            browser.close()


def accessibility_findings(page: Any) -> list[str]:
    """What axe-core finds on a page, one line each."""
    axe = import_module("axe_playwright_python.sync_playwright").Axe()
    violations = axe.run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in violations for node in one["nodes"]]
