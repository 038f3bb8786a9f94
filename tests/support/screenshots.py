"""Pictures of every screen of the dashboard, light and dark: `make screenshots`.

The screens are filled by a fleet like the large one of `large_fleet.py`, with fewer hosts, so that
names, ailments and numbers are the same in every run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.support.browser import PAGE_TIMEOUT_MS, chromium_running
from tests.support.dashboard import expect_live, sign_in
from tests.support.large_fleet import served
from tests.support.large_plan import Plan

PLAN = Plan(hosts=60, segments=12, ports=1200, zones=3, changes=8)
"""Enough hosts that one is there of each ailment, and few enough to see each in a picture."""
_Scheme: TypeAlias = Literal["light", "dark"]
_SCHEMES: tuple[_Scheme, ...] = ("light", "dark")
_DESKTOP = ViewportSize(width=1280, height=900)
_PHONE = ViewportSize(width=390, height=844)
_OUT = Path(__file__).parents[2] / "docs" / "screenshots"
_REST_MS = 1500
"""For what moves and is not awaited: graphs that settle, charts that are drawn."""


@dataclass(frozen=True)
class Screen:
    name: str
    path: str
    shows: str
    """A text of the page once it is complete."""
    presses: str = ""
    """A button that shows the rest of it."""
    on_phone: bool = False


SCREENS = (
    Screen("fleet", "/", "Needs attention", on_phone=True),
    Screen("topology", "/topology", "Topology", on_phone=True),
    Screen("hosts", "/hosts", "r01-h02", on_phone=True),
    Screen("host", "/hosts/r01-h01", "Conditions", on_phone=True),
    Screen("segment", "/segments/storage", "storage"),
    Screen("port", "/ports/storage-r01-h01", "storage-r01-h01"),
    Screen("history", "/hosts/r01-h01?tab=history", "Revision"),
    Screen("edit", "/segments/new", "Create a segment"),
    Screen("apply", "/apply", "Apply"),
    Screen("events", "/events?severity=warning", "StreamEnded", on_phone=True),
    Screen("enrol", "/enrol?host=r02-h21", "Which host", presses="Make the line"),
    Screen("settings", "/settings", "Webhooks"),
)


def take_all(url: str, secret: str, out: Path, names: frozenset[str] = frozenset()) -> None:
    """Writes ``<screen>-<light|dark>.png`` and ``<screen>-phone.png``; ``names`` limits them."""
    out.mkdir(parents=True, exist_ok=True)
    screens = [screen for screen in SCREENS if not names or screen.name in names]
    with chromium_running() as browser:
        for scheme in _SCHEMES:
            with _signed_in(browser, url, secret, scheme, _DESKTOP) as page:
                for screen in screens:
                    _take(page, screen, out / f"{screen.name}-{scheme}.png")
        with _signed_in(browser, url, secret, "light", _PHONE) as page:
            for screen in screens:
                if screen.on_phone:
                    _take(page, screen, out / f"{screen.name}-phone.png")


@contextmanager
def _signed_in(
    browser: Browser, url: str, secret: str, scheme: _Scheme, viewport: ViewportSize
) -> Iterator[Page]:
    context = browser.new_context(base_url=url, color_scheme=scheme, viewport=viewport)
    page = context.new_page()
    page.set_default_timeout(PAGE_TIMEOUT_MS)
    page.goto("/")
    sign_in(page, secret)
    expect_live(page)
    yield page
    context.close()


def _take(page: Page, screen: Screen, path: Path) -> None:
    page.goto(screen.path)
    expect(page.get_by_role("main").get_by_text(screen.shows).first).to_be_visible()
    expect_live(page)
    if screen.presses:
        page.get_by_role("button", name=screen.presses).click()
    page.wait_for_timeout(_REST_MS)
    page.screenshot(path=path)
    sys.stdout.write(f"{path}\n")


def _main(words: list[str]) -> None:
    """Of all screens, or of those named."""
    with served(PLAN) as (_, _, live, secret):
        take_all(live.url, secret, _OUT, frozenset(words))


if __name__ == "__main__":
    _main(sys.argv[1:])
