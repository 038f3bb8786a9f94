"""A browser on the dashboard that the real controller serves; faults that a page logs are told."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.support.api import Api, LiveServer
from tests.support.browser import PAGE_TIMEOUT_MS, chromium_running

_ROOT = Path(__file__).parents[2]
_DASHBOARD = _ROOT / "controller" / "dashboard"
_AXE = _DASHBOARD / "node_modules" / "axe-core" / "axe.min.js"
expect.set_options(timeout=PAGE_TIMEOUT_MS)


@pytest.fixture(scope="session")
def dashboard() -> Path:
    """The built dashboard; built here when nobody did."""
    subprocess.run([_ROOT / "deploy" / "dashboard.sh"], check=True, timeout=600)
    return _DASHBOARD / "dist"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # For a module and not the session: Playwright keeps an event loop running in this thread, and
    # asynchronous tests need one of their own.
    with chromium_running() as browser:
        yield browser


@pytest.fixture
def open_page(
    chromium: Browser, dashboard: Path, live: LiveServer
) -> Iterator[Callable[..., Page]]:
    """Opens the dashboard in a context of its own; any error that a page logs fails the test."""
    faults: list[str] = []
    contexts = []

    def note(message: ConsoleMessage) -> None:
        # Chromium logs every answer that is not 2xx; what the page makes of it is tested as such.
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(message.text)

    def open_one(path: str = "/", **options: Any) -> Page:
        context = chromium.new_context(base_url=live.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PAGE_TIMEOUT_MS)
        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture
def fleet(live: LiveServer, api: Api) -> Iterator[httpx.Client]:
    """The REST API as another person uses it while the page is open."""
    headers = {"Authorization": f"Bearer {api.secret}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def axe() -> str:
    return _AXE.read_text(encoding="utf-8")
