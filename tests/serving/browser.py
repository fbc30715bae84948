"""Chromium for tests: the system's own, without any way to another host; what a page logged and asked for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--force-color-profile=srgb",
]
DRAW_MILLISECONDS = 60_000  # a loaded machine takes long for the first charts


def chromium() -> str | None:
    """The path of the system's Chromium, None if there is none."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page, with everything it logged as an error and every address it asked for."""

    page: Page
    base_url: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def goto(self, path: str) -> None:
        """Open a page of the portal and wait until its charts are drawn."""
        self.page.goto(self.base_url + path)
        charts = self.page.locator("[data-chart]:not([data-drawn]):not([data-failed])")
        expect(charts).to_have_count(0, timeout=DRAW_MILLISECONDS)

    def assert_calm(self) -> None:
        """No error was logged, nobody else was asked, nothing hostile ran, every chart that is there has marks."""
        assert self.errors == []
        foreign = [url for url in self.requests if not url.startswith((self.base_url, "data:"))]
        assert foreign == []
        listed = self.page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
        assert [url for url in listed if not url.startswith(self.base_url)] == []
        assert self.page.evaluate("window.canary") is None
        for index, chart in enumerate(self.page.locator("[data-chart]").all()):
            assert chart.locator("g.role-mark > *").count() > 0, f"chart {index} has no marks"
        width = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, "the page scrolls sideways"


@contextmanager
def watched_page(
    browser: Browser, base_url: str, *, width: int = 1440, theme: str = "light", scripts: bool = True
) -> Iterator[Watched]:
    """A fresh page of that width and theme."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=scripts,
    )
    page = context.new_page()
    watched = Watched(page, base_url)

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            watched.errors.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("request", lambda request: watched.requests.append(request.url))
    try:
        yield watched
    finally:
        context.close()
