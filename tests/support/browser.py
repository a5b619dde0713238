"""A person at a browser: Debian's chromium, or a Chrome that is there, without a network and with open ears."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip


def chromium() -> str:
    """Where the browser is. Without one the tests are skipped, or fail where ONBOOK_REQUIRE_BROWSER is set."""
    for name in NAMES:
        if (found := shutil.which(name)) is not None:
            return found
    reason = f"no browser: none of {', '.join(NAMES)} is on PATH (Debian: apt-get install chromium)"
    if os.environ.get("ONBOOK_REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running() -> Iterator[Any]:
    """A browser without a window, for as long as the block lasts.

    Playwright keeps an event loop in this thread meanwhile: nothing else may run asyncio in it.
    """
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One page in a browser, and all that it did: what it wrote to the console, asked for and popped up.

    Attributes:
        page: Playwright's page.
        heard: errors and warnings of the console, faults of scripts, dialogs.
        asked: addresses that the page asked for, itself left out.
    """

    def __init__(self, browser: Any, path: Path, *, width: int = 1280, dark: bool = False, script: bool = True) -> None:
        self.heard: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", offline=True,
            java_script_enabled=script, accept_downloads=True, reduced_motion="reduce",
        )  # fmt: skip
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.heard.append(f"fault: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.asked.remove(path.as_uri())

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def silent(self) -> None:
        """Nothing was heard, and nothing asked for but the file itself, data and the page's own blobs."""
        assert self.heard == []
        assert [each for each in self.asked if not each.startswith(("data:", "blob:file", "blob:null"))] == []

    def faults(self) -> list[str]:
        """What axe-core finds wrong that is serious or critical: rule, what it says, where."""
        from axe_playwright_python.sync_playwright import Axe

        # Its preloading would ask for the page's own styles once more, which their policy forbids.
        found = Axe().run(self.page, options={"preload": False}).response["violations"]
        return [
            f"{each['id']}: {each['help']}: {node['html'][:200]} {node['failureSummary']}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.heard.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.heard.append(f"dialog: {dialog.message}")
        dialog.dismiss()
