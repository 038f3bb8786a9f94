"""The lab for end-to-end tests: four hosts, the controller and enrolled agents.

There is one lab per machine (namespaces have names); whatever an earlier run left is ended first.
The test of the demo starts one of its own, so it comes first; all others share one, which ends
with the last of them and not with the run: its daemons would slow the other tests down.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from deploy.lab.lab import Lab
from tests.support.browser import PAGE_TIMEOUT_MS, chromium_running
from tests.support.dashboard import DESKTOP, expect_live, sign_in

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
expect.set_options(timeout=PAGE_TIMEOUT_MS)
_running = ExitStack()
_labs: list[Lab] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path != _HERE / "test_demo.py")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    if nextitem is None or nextitem.path.parent != _HERE:
        _running.close()


@pytest.fixture
def running_lab() -> Lab:
    if os.geteuid() != 0:
        pytest.fail("the lab makes network namespaces: run the tests as root")
    if not _labs:
        _labs.append(_start())
    return _labs[0]


def _start() -> Lab:
    lab = Lab()
    lab.clear()
    _running.callback(_labs.clear)
    _running.callback(lab.clear)
    lab.up()
    lab.ovsfleet("wait", "host", *lab.plan.names, "--for=Ready", "--timeout=30")
    return lab


@pytest.fixture
def lab(running_lab: Lab, tmp_path: Path) -> Iterator[Lab]:
    """The running lab; whatever intent a test leaves, but hosts, is deleted after it."""
    manifests = tmp_path / "left.yaml"
    yield running_lab
    left = [text for text in running_lab.ovsfleet("export").split("---\n") if text.strip()]
    others = [text for text in left if not text.startswith("kind: Host\n")]
    if others:
        manifests.write_text("---\n".join(others))
        running_lab.ovsfleet("delete", "--yes", "-f", str(manifests))
    running_lab.ovsfleet("wait", "host", *running_lab.plan.names, "--for=Ready", "--timeout=30")


@pytest.fixture(scope="session")
def _built() -> None:
    subprocess.run([_ROOT / "deploy" / "dashboard.sh"], check=True, timeout=600)


@pytest.fixture
def page(lab: Lab, _built: None) -> Iterator[Page]:
    """The lab's dashboard, signed in, on its first page."""
    with chromium_running() as browser:
        page = browser.new_page(base_url=lab.url, viewport=DESKTOP)
        page.set_default_timeout(PAGE_TIMEOUT_MS)
        page.goto("/")
        sign_in(page, lab.admin_token)
        expect_live(page)
        yield page
