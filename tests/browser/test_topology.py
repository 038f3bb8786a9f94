"""The graph of the fleet in headless Chromium, on the real controller with a real database.

A canvas has no text: what it shows is asserted by the tables beside it, by what its keys and
clicks choose, and by no fault being logged (the content security policy's are).
"""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.dashboard import (
    DESKTOP,
    PHONE,
    OpenPage,
    apply,
    assert_accessible,
    expect_live,
    host,
    manifest,
    port,
    row,
    segment,
    sideways,
    sign_in,
    uid_of,
)
from tests.support.reports import ReportingHost

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

ZONES = {"alpha": "east", "bravo": "east", "delta": "west"}
KEPT = "Object.values(localStorage).filter(each => each.includes('['))"


def seed(fleet: httpx.Client) -> int:
    """Red on all three hosts, blue on two; returns the fleet's revision."""
    revision: int = apply(
        fleet,
        *(manifest("TransportZone", zone) for zone in ("east", "west")),
        *(host(name, f"192.0.2.{n}", zones=[ZONES[name]]) for n, name in enumerate(ZONES, 1)),
        segment("red", backend="ovs"),
        segment("blue", backend="ovs"),
        *(port(f"red-{name}", name, "red") for name in ZONES),
        *(port(f"blue-{name}", name, "blue") for name in ("alpha", "bravo")),
    )["revision"]
    return revision


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def graph(page: Page) -> Locator:
    return page.get_by_role("application", name=re.compile("^Graph of"))


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=re.compile(f"^{name}")).click()


def test_a_link_that_fails_is_told_as_it_happens_and_leads_to_its_ends(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    revision = seed(fleet)
    uids = {name: uid_of(fleet, f"hosts/{name}") for name in ZONES}
    alpha, *others = [ReportingHost(api.db, uid) for uid in uids.values()]
    for each in (alpha, *others):
        each.report(revision)
    page = open_page("/topology", viewport=DESKTOP)
    sign_in(page, api.secret)
    expect(page.get_by_text("3 hosts, 4 tunnels")).to_be_visible()
    expect(panel(page, "Links")).to_contain_text("All tunnels are Ready")
    expect_live(page)
    expect(page.get_by_text("Arranging")).to_be_hidden()
    places = page.evaluate(KEPT)

    broken = f"tunnel:{uid_of(fleet, 'segments/red')}/{uids['delta']}"
    alpha.report(
        revision, [ReportedFailure(broken, "datapath", "NoRoute", "look at `ip route get`")]
    )
    panel(page, "Links").get_by_role("button", name="alpha to delta").click()
    link = panel(page, "alpha to delta")
    expect(link).to_contain_text("look at ip route get")
    expect(link.get_by_role("link", name="red")).to_have_attribute("href", "/segments/red")
    expect(link.get_by_role("link", name="delta")).to_have_attribute("href", "/hosts/delta")
    tab(page, "Links")
    expect(row(page, "Links", "alpha to delta")).to_contain_text("NoRoute")

    # Who comes is drawn in, and nobody else moves.
    apply(fleet, host("echo", "192.0.2.9"), port("red-echo", "echo", "red"))
    expect(page.get_by_text("4 hosts, 7 tunnels")).to_be_visible()
    expect(page.get_by_text("Arranging")).to_be_hidden()
    kept = _parsed(page.evaluate(KEPT))
    assert kept.pop(uid_of(fleet, "hosts/echo"))
    assert kept == _parsed(places)
    link.get_by_role("button", name="Leave this").click()
    expect(page).not_to_have_url(re.compile("at="))


def _parsed(kept: list[str]) -> dict[str, Any]:
    (one,) = kept
    found: dict[str, Any] = json.loads(one)
    return found


def test_keys_go_through_the_graph_and_into_a_group_and_a_host(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    seed(fleet)
    page = open_page("/topology?group_by=zone", viewport=DESKTOP, color_scheme="dark")
    sign_in(page, api.secret)
    expect(graph(page)).to_have_accessible_name("Graph of 2 nodes and 1 links")
    expect(page.get_by_text("Arranging")).to_be_hidden()
    graph(page).press("ArrowRight")
    expect(panel(page, "east")).to_contain_text("0 of 2 connected")
    assert_accessible(page, axe)
    graph(page).press("Enter")
    expect(page.get_by_text("only east")).to_be_visible()
    expect(page.get_by_text("Arranging")).to_be_hidden()
    expect(row(page, "Hosts", "bravo")).to_be_visible()
    page.get_by_label("Find in the graph").fill("brav")
    page.get_by_label("Find in the graph").press("Enter")
    expect(panel(page, "bravo")).to_contain_text("not heard")
    graph(page).press("Enter")
    expect(page).to_have_url(re.compile("/hosts/bravo$"))
    page.go_back()
    expect(panel(page, "bravo")).to_be_visible()
    page.get_by_role("button", name="Back to the groups").click()
    expect(row(page, "Groups", "west")).to_contain_text("0 of 1")


def test_the_mesh_of_a_segment_stands_out_also_on_a_phone(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    seed(fleet)
    page = open_page("/topology", viewport=PHONE, color_scheme="light")
    sign_in(page, api.secret)
    tab(page, "Segments")
    row(page, "Segments", "blue").get_by_role("button", name="Let blue stand out").click()
    expect(panel(page, "Segment blue")).to_contain_text("1 of 1 links")
    expect(page.get_by_text("3 hosts, 4 tunnels")).to_be_visible()
    page.get_by_label("Only its hosts").check(force=True)
    expect(page.get_by_text("2 hosts, 1 tunnels")).to_be_visible()
    assert sideways(page) == []
    assert_accessible(page, axe)
    page.goto("/topology?segment=green")
    expect(page.get_by_text("default/green cannot be shown")).to_be_visible()
    page.goto("/topology?label_selector=rack%3Dr9")
    page.get_by_role("button", name="Show all hosts").click()
    expect(page.get_by_text("3 hosts, 4 tunnels")).to_be_visible()


def test_a_mesh_of_many_hosts_is_a_hub_with_spokes_and_tunnels_that_fail(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    names = [f"h{number:02d}" for number in range(1, 23)]
    revision = apply(
        fleet,
        *(host(name, f"192.0.2.{n}") for n, name in enumerate(names, 1)),
        segment("red", backend="ovs"),
        *(port(f"red-{name}", name, "red") for name in names),
    )["revision"]
    broken = f"tunnel:{uid_of(fleet, 'segments/red')}/{uid_of(fleet, 'hosts/h02')}"
    failure = ReportedFailure(broken, "datapath", "NoRoute", "look at `ip route get`")
    ReportingHost(api.db, uid_of(fleet, "hosts/h01")).report(revision, [failure])
    page = open_page("/topology?list=links", viewport=DESKTOP, color_scheme="light")
    sign_in(page, api.secret)
    expect(graph(page)).to_have_accessible_name("Graph of 22 nodes, 1 hub and 23 links")
    expect(page.get_by_text("22 hosts, 231 tunnels")).to_be_visible()
    expect(page.get_by_text("Arranging")).to_be_hidden()
    expect(row(page, "Links", "h01 to h02")).to_contain_text("NoRoute")
    row(page, "Links", "h01 in red").get_by_role("button").click()
    expect(panel(page, "h01 in red")).to_contain_text("21 (1 Failed, 20 Ready)")
    panel(page, "h01 in red").get_by_role("button", name="red", exact=True).click()
    expect(panel(page, "red")).to_contain_text("22, 22 with ends that are not Ready")
    assert_accessible(page, axe)
    graph(page).press("Enter")
    expect(page).to_have_url(re.compile("/segments/red$"))
