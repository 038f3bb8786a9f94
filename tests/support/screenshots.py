"""Pictures of every screen of the dashboard, light and dark: `make screenshots`.

They are of a staged fleet, so that names, ailments and numbers are the same in every run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.support.browser import PAGE_TIMEOUT_MS, chromium_running
from tests.support.dashboard import expect_live, sign_in
from tests.support.screens import SCREENS, Screen, Viewer
from tests.support.staged_fleet import Stage, staged

Look: TypeAlias = Literal["light", "dark", "phone"]
OUT = Path(__file__).parents[2] / "docs" / "screenshots"

expect.set_options(timeout=PAGE_TIMEOUT_MS)

_DESKTOP = ViewportSize(width=1280, height=900)
_PHONE = ViewportSize(width=390, height=844)
_REST_MS = 1500
"""For what moves and is not awaited: graphs that settle, charts that are drawn."""


def looks_of(screen: Screen) -> tuple[Look, ...]:
    return ("light", "dark", "phone") if screen.on_phone else ("light", "dark")


def file_of(screen: Screen, look: Look) -> str:
    return f"{screen.name}-{look}.png"


def take_all(stage: Stage, out: Path, names: frozenset[str] = frozenset()) -> None:
    """Writes a file for each look of each screen; ``names`` limits them."""
    out.mkdir(parents=True, exist_ok=True)
    screens = [screen for screen in SCREENS if not names or screen.name in names]
    looks: tuple[Look, ...] = ("light", "dark", "phone")
    with chromium_running() as browser:
        for look in looks:
            for viewer in Viewer:
                due = [s for s in screens if s.viewer is viewer and look in looks_of(s)]
                if due:
                    with _opened(browser, stage, look, viewer) as page:
                        for screen in due:
                            _take(page, stage, screen, out / file_of(screen, look))


@contextmanager
def _opened(browser: Browser, stage: Stage, look: Look, viewer: Viewer) -> Iterator[Page]:
    context = browser.new_context(
        base_url=stage.url,
        color_scheme="dark" if look == "dark" else "light",
        viewport=_PHONE if look == "phone" else _DESKTOP,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PAGE_TIMEOUT_MS)
    # A draft that is left behind is asked for.
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/")
    if viewer is not Viewer.NOBODY:
        sign_in(page, stage.secret if viewer is Viewer.ADMIN else stage.limited_secret)
        expect_live(page)
    yield page
    context.close()


def _take(page: Page, stage: Stage, screen: Screen, path: Path) -> None:
    page.goto(screen.path)
    expect(page.get_by_role("main").get_by_text(screen.shows).first).to_be_visible()
    if screen.viewer is not Viewer.NOBODY:
        expect_live(page)
    if screen.act is not None:
        screen.act(page, stage)
    page.mouse.move(0, 0)
    page.wait_for_timeout(_REST_MS)
    page.screenshot(path=path)
    sys.stdout.write(f"{path}\n")


def _main(words: list[str]) -> None:
    """Of all screens, or of those named."""
    with staged() as stage:
        take_all(stage, OUT, frozenset(words))


if __name__ == "__main__":
    _main(sys.argv[1:])
