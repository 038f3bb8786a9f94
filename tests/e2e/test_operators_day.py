"""An operator's day by the dashboard alone: make, watch, find a cause, change, delete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from deploy.lab import evidence
from deploy.lab.lab import Lab
from deploy.lab.shell import wait_until
from tests.support.dashboard import expect_phase, go, open_tab, row

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(240)]

_SEGMENT = "day"
_PORTS = {"day-a": "h1", "day-b": "h3"}
_ILL_PORT, _ILL_HOST = "day-b", "h3"
_CAUSE = "ovs-vswitchd is not running"
_NOTICED_MS = 40_000
"""For what an agent has to notice first."""


def test_an_operator_makes_watches_mends_changes_and_deletes_without_a_reload(
    page: Page, lab: Lab
) -> None:
    page.evaluate("window.notReloaded = true")
    _create_segment(page)
    for name, host in _PORTS.items():
        _create_port(page, name, host)
    with _vswitchd_dead(lab, _ILL_HOST):
        _find_the_cause(page)
    _see_it_recover(page)
    _edit_as_yaml(page)
    _settle_a_conflict(page, lab)
    for name in _PORTS:
        _delete(page, "Ports", name)
    _delete(page, "Segments", _SEGMENT)
    wait_until("both ports to be off their hosts", lambda: not _left(lab), 20)
    assert page.evaluate("window.notReloaded") is True


def _left(lab: Lab) -> list[str]:
    """Those of the ports that are still on their hosts."""
    return [
        name
        for name, host in _PORTS.items()
        if f"Port {name}" in evidence.owned_rows(lab.switches[host])
    ]


def _create_segment(page: Page) -> None:
    go(page, "Segments")
    page.get_by_text("Create segment", exact=True).click()
    page.get_by_role("textbox", name="Name", exact=True).fill(_SEGMENT)
    page.get_by_role("button", name="Create the segment").click()
    expect_phase(page, _SEGMENT, "Ready")


def _create_port(page: Page, name: str, host: str) -> None:
    _open(page, "Segments", _SEGMENT)
    open_tab(page, "Ports")
    page.get_by_text("Add a port", exact=True).click()
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_role("combobox", name="Host", exact=True).fill(host)
    page.get_by_role("textbox", name="Interface", exact=True).fill(name)
    page.get_by_role("button", name="Create the port").click()
    expect_phase(page, name, "Ready")


def _open(page: Page, place: str, name: str) -> None:
    go(page, place)
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


@contextmanager
def _vswitchd_dead(lab: Lab, host: str) -> Iterator[None]:
    lab.processes.get(f"{host}/ovs-vswitchd").kill()
    try:
        yield
    finally:
        lab.switches[host].start_vswitchd()


def _find_the_cause(page: Page) -> None:
    """From the first page to the host, and to a port of it: each names it."""
    go(page, "Fleet")
    attention = page.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text(_CAUSE, timeout=_NOTICED_MS)
    attention.get_by_role("link", name=_ILL_HOST, exact=True).first.click()
    expect_phase(page, _ILL_HOST, "Failed")
    expect(page.get_by_role("region", name="Failures")).to_contain_text(_CAUSE)
    open_tab(page, "Bridges and ports")
    port = row(page, "Ports of br-fleet", _ILL_PORT)
    expect(port).to_contain_text("VswitchdDown")
    port.get_by_role("link", name=_ILL_PORT, exact=True).click()
    expect_phase(page, _ILL_PORT, "Failed")
    expect(row(page, "Conditions", "Realized")).to_contain_text(_CAUSE)


def _see_it_recover(page: Page) -> None:
    expect_phase(page, _ILL_PORT, "Ready", within_ms=_NOTICED_MS)
    go(page, "Fleet")
    attention = page.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("Everything is as intended.", timeout=_NOTICED_MS)


def _edit_as_yaml(page: Page) -> None:
    _open(page, "Segments", _SEGMENT)
    page.get_by_role("link", name="Edit", exact=True).click()
    open_tab(page, "YAML")
    page.get_by_role("textbox", name="YAML of the segment").press("Control+End")
    page.keyboard.insert_text("  mtu: 1400\n")
    open_tab(page, "What would change")
    expect(page.get_by_label(f"Changes of Segment {_SEGMENT}")).to_contain_text("mtu: 1400")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The segment was changed in revision")).to_be_visible()
    expect(page.get_by_text("2 of 2 hosts have it")).to_be_visible()


def _settle_a_conflict(page: Page, lab: Lab) -> None:
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_role("textbox", name="MTU", exact=True).fill("1300")
    _change(lab, {"metadata": {"labels": {"tier": "web"}}, "spec": {"mtu": 1350}})
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Somebody else changed it meanwhile")).to_be_visible()
    both = row(page, "Fields that both changed", "spec.mtu")
    for value in ("1400", "1300", "1350"):
        expect(both).to_contain_text(value)
    both.get_by_role("radio", name="Mine of spec.mtu: 1300").check()
    page.get_by_role("button", name="Go on with both changes").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The segment was changed in revision")).to_be_visible()
    expect_phase(page, _SEGMENT, "Ready")
    expect(page.get_by_role("region", name="As intended")).to_contain_text("1300")
    expect(page.get_by_role("main")).to_contain_text("tier=web")


def _change(lab: Lab, patch: dict[str, Any]) -> None:
    """As somebody else does, over REST."""
    headers = {"Authorization": f"Bearer {lab.admin_token}", "If-Match": "*"}
    headers["Content-Type"] = "application/merge-patch+json"
    answer = httpx.patch(f"{lab.url}/v1/segments/{_SEGMENT}", headers=headers, json=patch)
    assert answer.status_code == httpx.codes.OK, answer.text


def _delete(page: Page, place: str, name: str) -> None:
    _open(page, place, name)
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    delete = dialog.get_by_role("button", name="Delete", exact=True)
    expect(delete).to_be_disabled()
    dialog.get_by_label(f"Type {name} to go on").fill(name)
    delete.click()
    expect(page.get_by_role("heading", name=place, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
