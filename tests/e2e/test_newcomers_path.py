"""From a running fleet to a first segment that carries traffic, by the dashboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from deploy.lab.lab import Lab
from deploy.lab.network import add_workload_netns
from deploy.lab.probes import Endpoint, ping_all
from deploy.lab.shell import run, wait_until
from tests.support.dashboard import expect_phase, go

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(180)]

_ENDS = [
    Endpoint("mine-a", "h1", "ovsf-mine-a", "eth0", "10.98.0.1", "mine"),
    Endpoint("mine-b", "h2", "ovsf-mine-b", "eth0", "10.98.0.2", "mine"),
]


@pytest.fixture
def workloads(lab: Lab) -> Iterator[None]:
    """Two namespaces that nothing leads into yet."""
    for end in _ENDS:
        add_workload_netns(end.netns)
    yield
    for end in _ENDS:
        run("ip", "netns", "delete", end.netns)


def _create_segment(page: Page) -> None:
    go(page, "Segments")
    page.get_by_text("Create segment", exact=True).click()
    page.get_by_role("textbox", name="Name", exact=True).fill("mine")
    page.get_by_role("button", name="Create the segment").click()
    expect(page.get_by_role("heading", name="mine", exact=True)).to_be_visible()


def _create_port(page: Page, end: Endpoint) -> None:
    go(page, "Segments")
    page.get_by_role("link", name="mine", exact=True).click()
    page.get_by_role("tab", name="Ports").click()
    page.get_by_text("Add a port", exact=True).click()
    page.get_by_role("textbox", name="Name", exact=True).fill(end.name)
    page.get_by_role("combobox", name="Host", exact=True).fill(end.host)
    expect(page.get_by_role("combobox", name="Segment", exact=True)).to_have_value("mine")
    page.get_by_role("textbox", name="Interface", exact=True).fill(end.name)
    page.get_by_role("combobox", name="Type", exact=True).select_option("veth")
    page.get_by_role("button", name="Add to addresses").click()
    page.get_by_role("textbox", name="Addresses, 1").fill(f"{end.address}/24")
    peer = page.get_by_role("group", name="Peer")
    peer.get_by_role("textbox", name="Network namespace").fill(end.netns)
    peer.get_by_role("textbox", name="Interface").fill(end.device)
    page.get_by_role("button", name="Create the port").click()
    expect_phase(page, end.name, "Ready")


@pytest.mark.usefixtures("workloads")
def test_a_newcomer_gets_a_segment_that_carries_traffic_without_a_command(page: Page) -> None:
    _create_segment(page)
    for end in _ENDS:
        _create_port(page, end)

    go(page, "Segments")
    page.get_by_role("link", name="mine", exact=True).click()
    expect_phase(page, "mine", "Ready")
    both_ways = [(_ENDS[0], _ENDS[1]), (_ENDS[1], _ENDS[0])]
    wait_until("answers both ways", lambda: len(ping_all(both_ways)) == len(both_ways), 20)
