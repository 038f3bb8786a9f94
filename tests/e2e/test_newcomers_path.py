"""From a running fleet to a first segment that carries traffic, by the dashboard alone."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from deploy.lab.lab import Lab
from deploy.lab.network import add_workload_netns
from deploy.lab.probes import Endpoint, ping_all
from deploy.lab.shell import run, wait_until
from tests.support.browser import PAGE_TIMEOUT_MS, chromium_running
from tests.support.dashboard import expect_live, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(180)]

_ROOT = Path(__file__).parents[2]
_ENDS = [
    Endpoint("mine-a", "h1", "ovsf-mine-a", "eth0", "10.98.0.1", "mine"),
    Endpoint("mine-b", "h2", "ovsf-mine-b", "eth0", "10.98.0.2", "mine"),
]


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    subprocess.run([_ROOT / "deploy" / "dashboard.sh"], check=True, timeout=600)


@pytest.fixture
def workloads(lab: Lab) -> Iterator[Lab]:
    """The lab, with two namespaces that nothing leads into yet."""
    for end in _ENDS:
        add_workload_netns(end.netns)
    yield lab
    for end in _ENDS:
        run("ip", "netns", "delete", end.netns)


@pytest.fixture
def page(workloads: Lab) -> Iterator[Page]:
    """Signed in on the first page."""
    with chromium_running() as browser:
        page = browser.new_page(base_url=workloads.url, viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PAGE_TIMEOUT_MS)
        page.goto("/")
        sign_in(page, workloads.admin_token)
        expect_live(page)
        yield page


def _go(page: Page, place: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=place, exact=True).click()


def _expect_ready(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.locator(".host-heading").get_by_text("Ready", exact=True)).to_be_visible()


def _create_segment(page: Page) -> None:
    _go(page, "Segments")
    page.get_by_text("Create segment", exact=True).click()
    page.get_by_role("textbox", name="Name", exact=True).fill("mine")
    page.get_by_role("button", name="Create the segment").click()
    expect(page.get_by_role("heading", name="mine", exact=True)).to_be_visible()


def _create_port(page: Page, end: Endpoint) -> None:
    _go(page, "Segments")
    page.get_by_role("link", name="mine", exact=True).click()
    page.get_by_role("tab", name="Ports").click()
    page.get_by_text("Add a port", exact=True).click()
    page.get_by_role("textbox", name="Name", exact=True).fill(end.name)
    page.get_by_role("combobox", name="Host", exact=True).fill(end.host)
    expect(page.get_by_role("combobox", name="Segment", exact=True)).to_have_value("mine")
    page.get_by_role("combobox", name="Type", exact=True).select_option("veth")
    page.get_by_role("textbox", name="Interface", exact=True).fill(end.name)
    page.get_by_role("button", name="Add to Addresses").click()
    page.get_by_role("textbox", name="Addresses, 1").fill(f"{end.address}/24")
    page.get_by_role("button", name=re.compile("^More settings")).click()
    page.get_by_role("switch", name="Set Peer").press("Space")
    peer = page.get_by_role("group", name="Peer")
    peer.get_by_role("textbox", name="Netns").fill(end.netns)
    peer.get_by_role("textbox", name="Interface").fill(end.device)
    page.get_by_role("button", name="Create the port").click()
    _expect_ready(page, end.name)


def test_a_newcomer_gets_a_segment_that_carries_traffic_without_a_command(page: Page) -> None:
    _create_segment(page)
    for end in _ENDS:
        _create_port(page, end)

    _go(page, "Segments")
    page.get_by_role("link", name="mine", exact=True).click()
    _expect_ready(page, "mine")
    both_ways = [(_ENDS[0], _ENDS[1]), (_ENDS[1], _ENDS[0])]
    wait_until("answers both ways", lambda: len(ping_all(both_ways)) == len(both_ways), 20)
