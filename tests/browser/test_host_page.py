"""The page of one host in headless Chromium, on the real controller with a real database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

from controller.auth import Role
from controller.services.statistics import Intake
from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.counting import reading, report
from tests.support.dashboard import (
    OpenPage,
    apply,
    assert_accessible,
    expect_live,
    host,
    manifest,
    open_tab,
    port,
    row,
    segment,
    sign_in,
    uid_of,
)
from tests.support.reports import ReportingHost

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def seed(fleet: httpx.Client) -> int:
    """Two hosts with Open vSwitch and one without; returns the fleet's revision."""
    revision: int = apply(
        fleet,
        host("alpha", "192.0.2.1"),
        host("bravo", "192.0.2.2"),
        host("delta", "192.0.2.4", overlay_bridge_type="linux"),
        segment("blue", vni=7001),
        manifest("Bridge", "edge", host="alpha", interface="br-edge"),
        port("web-1", "alpha", "blue", addresses=["198.51.100.1/24"]),
        port("web-2", "bravo", "blue"),
        port("web-4", "delta", "blue", type="veth", peer={"netns": "four", "interface": "eth0"}),
        manifest("Port", "vlan", host="alpha", interface="vlan", bridge="edge", tag=100, mtu=1400),
        manifest(
            "Tunnel",
            "campus",
            ends=[{"host": "alpha", "bridge": "edge"}, {"ip": "203.0.113.7"}],
            key=900,
        ),
    )["revision"]
    return revision


def test_a_host_shows_what_is_on_it_and_how_it_is_doing_as_it_happens(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    revision = seed(fleet)
    page = open_page("/hosts/alpha")
    sign_in(page, api.secret)
    expect(row(page, "Conditions", "Connected")).to_contain_text("NotEnrolled")
    assert_accessible(page, axe)
    open_tab(page, "Bridges and ports")
    expect(page).to_have_url(re.compile("tab=bridges"))
    expect(row(page, "Ports of br-fleet", "web-1")).to_contain_text("198.51.100.1/24")
    expect(row(page, "Ports of br-fleet", "web-1")).to_contain_text("VNI 7001")
    expect(row(page, "Ports of br-edge", "vlan")).to_contain_text("100")
    expect_live(page)
    page.evaluate("window.notReloaded = true")

    alpha = ReportingHost(api.db, uid_of(fleet, "hosts/alpha"))
    resource = f"port:{uid_of(fleet, 'ports/web-1')}"
    taken = ReportedFailure(resource, "conflict", "NameTaken", "remove the foreign device web-1")
    alpha.report(revision, [taken])
    expect(row(page, "Ports of br-fleet", "web-1")).to_contain_text("NameTaken")
    assert_accessible(page, axe)
    page.get_by_label("Only what is not Ready").check()
    expect(page.get_by_text("No port here matches.")).to_be_visible()
    expect(row(page, "Ports of br-fleet", "web-1")).to_be_visible()
    open_tab(page, "Overview")
    failures = page.get_by_role("region", name=re.compile("^Failures"))
    expect(failures).to_contain_text("Port web-1")
    expect(failures).to_contain_text("remove the foreign device web-1")
    expect(row(page, "Conditions", "Connected")).to_contain_text("SessionOpen")

    alpha.report(revision)
    expect(failures).to_contain_text("Nothing failed on this host.")
    expect(page.get_by_role("region", name="Facts")).to_contain_text(f"revision {revision} applied")
    for tab, told in (
        ("Events", "resource.recovered"),
        ("History", "created"),
        ("Drift", "Nobody else has changed anything"),
        ("Inventory", "The host has told nothing of this yet"),
        ("Desired and observed", "The host could not be asked"),
    ):
        open_tab(page, tab)
        expect(page.get_by_role("main").get_by_text(told).first).to_be_visible()
    page.get_by_role("button", name="Show as YAML").click()
    expect(page.get_by_role("textbox", name="Desired state of alpha")).to_be_visible()
    assert page.evaluate("window.notReloaded") is True


def test_a_host_without_open_vswitch_shows_its_linux_bridges(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    seed(fleet)
    page = open_page("/hosts/delta?tab=bridges")
    sign_in(page, api.secret)
    expect(row(page, "Ports of br-v", "web-4")).to_contain_text("br-v7001")
    expect(row(page, "Ports of br-v", "web-4")).to_contain_text("the far end, in four")
    open_tab(page, "Tunnels")
    expect(row(page, "Tunnels", "blue to alpha")).to_contain_text("kernel")


def test_a_host_that_is_not_there_is_told_and_shown_once_it_is(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    page = open_page("/hosts/alpha?tab=bridges")
    sign_in(page, api.secret)
    expect(page.get_by_role("heading", name="There is no host alpha")).to_be_visible()
    expect_live(page)
    apply(fleet, host("alpha", "192.0.2.1"))
    expect(page.get_by_role("heading", name="alpha", exact=True)).to_be_visible()
    expect(page.get_by_text("No ports yet")).to_be_visible()
    assert fleet.delete("/v1/hosts/alpha", headers={"If-Match": "*"}).status_code == 200
    expect(page.get_by_role("heading", name="There is no host alpha")).to_be_visible()


def count(api: Api, alpha: str, subjects: Sequence[str], *, sequence: int, received: int) -> None:
    """One report of the host, ten seconds after the one before; each subject has received so much
    in all."""
    readings = (reading(s, rx_bytes=received, tx_bytes=0, rx_packets=received) for s in subjects)
    now = datetime.now(UTC)
    at = now - timedelta(seconds=10 * (3 - sequence))
    Intake(api.db).store([report(UUID(alpha), sequence, at, *readings)], now=now)


def test_rates_come_into_the_charts_and_go_on(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    seed(fleet)
    alpha = uid_of(fleet, "hosts/alpha")
    web = f"port:{uid_of(fleet, 'ports/web-1')}"
    mesh = f"tunnel:{uid_of(fleet, 'segments/blue')}/{uid_of(fleet, 'hosts/bravo')}"
    subjects = ("device:eth1", web, mesh)
    page = open_page("/hosts/alpha?range=5m")
    sign_in(page, api.secret)
    expect(page.get_by_text("No statistics yet")).to_be_visible()

    count(api, alpha, subjects, sequence=1, received=0)
    count(api, alpha, subjects, sequence=2, received=10**7)
    expect(row(page, "Rates in numbers", "eth1")).to_contain_text("bit/s")
    expect(page.get_by_role("img", name=re.compile("^Throughput.*eth1"))).to_be_visible()

    before = row(page, "Rates in numbers", "eth1").inner_text()
    count(api, alpha, subjects, sequence=3, received=10**12)
    expect(row(page, "Rates in numbers", "eth1")).not_to_have_text(before)

    open_tab(page, "Bridges and ports")
    expect(row(page, "Ports of br-fleet", "web-1")).to_contain_text("bit/s")
    page.get_by_role("button", name="Chart web-1").click()
    expect(row(page, "Rates in numbers", "web-1")).to_contain_text("bit/s")
    open_tab(page, "Tunnels")
    expect(row(page, "Tunnels", "blue to bravo")).to_contain_text("bit/s")
    page.get_by_role("button", name="blue to bravo").click()
    expect(page).to_have_url(re.compile(r"range=5m.*series=tunnel"))
    expect(row(page, "Rates in numbers", "blue to bravo")).to_contain_text("bit/s")
    page.reload()
    expect(row(page, "Rates in numbers", "blue to bravo")).to_contain_text("bit/s")
    expect(page.get_by_role("button", name="5 min", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    compare_and_zoom(page)


def compare_and_zoom(page: Page) -> None:
    """From a chart of one tunnel: what else is put in stays in the address, and so does a zoom."""
    add = page.get_by_label("Add to the chart")
    add.focus()
    expect(page.locator('option[value="host bravo"]')).to_be_attached()
    add.fill("host bravo")
    expect(row(page, "Rates in numbers", "bravo, all ports")).to_contain_text("—")
    expect(page).to_have_url(re.compile(r"series=tunnel.*series=hosts%2Fbravo"))
    page.get_by_role("button", name="Take bravo out of the chart").click()

    chart = page.locator(".u-over").first
    box = chart.bounding_box()
    assert box is not None
    right, down = box["x"] + box["width"] - 2, box["y"] + box["height"] / 2
    page.mouse.move(right - 60, down)
    page.mouse.down()
    page.mouse.move(right, down, steps=3)
    page.mouse.up()
    expect(page.get_by_text("nothing new comes in")).to_be_visible()
    expect(page).to_have_url(re.compile(r"zoom=\d+-\d+"))
    page.get_by_role("button", name="All values as tables").click()
    expect(page.get_by_role("grid", name="Throughput in values")).to_contain_text("—")
    page.get_by_role("button", name="Back to live").click()
    expect(page.get_by_text("nothing new comes in")).to_be_hidden()


def requests_of_tunnels(page: Page) -> list[str]:
    """Grows with each; the queries."""
    asked: list[str] = []

    def note(request: Request) -> None:
        _, is_one, query = request.url.partition("/v1/hosts/alpha/tunnels")
        if is_one:
            asked.append(query)

    page.on("request", note)
    return asked


def test_the_tunnels_of_a_host_come_in_pages_and_are_filtered_by_the_server(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    revision = seed(fleet)
    outside = [f"198.51.100.{number}" for number in range(1, 61)]
    apply(fleet, segment("wide", external_vteps=outside), port("wide-1", "alpha", "wide"))
    page = open_page("/hosts/alpha?tab=tunnels")
    sign_in(page, api.secret)
    tunnels = page.get_by_role("region", name="Tunnels")
    expect(tunnels.get_by_role("heading", name="Tunnels63", exact=True)).to_be_visible()
    expect(row(page, "Tunnels", "blue to bravo")).to_be_visible()
    expect(tunnels.get_by_role("row")).to_have_count(51)
    tunnels.get_by_role("button", name="Next page").click()
    expect(tunnels.get_by_role("row")).to_have_count(14)
    expect(row(page, "Tunnels", "campus to 203.0.113.7")).to_be_visible()
    assert_accessible(page, axe)

    words = page.get_by_label("Filter tunnels")
    words.fill("WIDE 198.51.100.7")
    expect(tunnels.get_by_role("heading", name="Tunnels1", exact=True)).to_be_visible()
    expect(row(page, "Tunnels", "wide to 198.51.100.7")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=WIDE"))
    expect(page).not_to_have_url(re.compile(r"page="))
    page.reload()
    expect(tunnels.get_by_role("row")).to_have_count(2)
    words.fill("no such thing")
    expect(tunnels).to_contain_text("No tunnel matches “no such thing”.")
    words.fill("noroute")
    expect(tunnels).to_contain_text("No tunnel matches “noroute”.")
    expect_live(page)
    broken = f"tunnel:{uid_of(fleet, 'segments/blue')}/{uid_of(fleet, 'hosts/bravo')}"
    failure = ReportedFailure(broken, "datapath", "NoRoute", "look at `ip route get`")
    ReportingHost(api.db, uid_of(fleet, "hosts/alpha")).report(revision, [failure])
    expect(row(page, "Tunnels", "blue to bravo")).to_contain_text("look at ip route get")
    words.fill("")
    expect(tunnels.get_by_role("heading", name="Tunnels63", exact=True)).to_be_visible()


def test_only_the_tunnels_that_are_charted_or_looked_for_are_read(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    seed(fleet)
    apply(fleet, segment("slow", backend="kernel"))
    apply(fleet, port("slow-1", "alpha", "slow"), port("slow-2", "bravo", "slow"))
    page = open_page("/hosts/alpha")
    asked = requests_of_tunnels(page)
    sign_in(page, api.secret)
    expect(row(page, "Conditions", "Connected")).to_contain_text("NotEnrolled")
    expect(page.get_by_text("No statistics yet")).to_be_visible()
    add = page.get_by_label("Add to the chart")
    expect(add).to_be_visible()
    assert asked == []
    add.fill("bravo")
    expect(page.locator('option[value="tunnel blue to bravo"]')).to_be_attached()
    expect(page.locator('option[value^="tunnel campus"]')).not_to_be_attached()
    add.fill("campus")
    expect(page.locator('option[value="tunnel campus to 203.0.113.7"]')).to_be_attached()
    for name in ("slow to all", "blue to bravo"):
        add.fill(f"tunnel {name.split()[0]}")
        expect(page.locator(f'option[value="tunnel {name}"]')).to_be_attached()
        add.fill(f"tunnel {name}")
    for name in ("slow to all", "blue to bravo"):
        expect(page.get_by_role("button", name=f"Take {name} out of the chart")).to_be_visible()
    assert {"page_size=10" in query for query in asked if "id=" not in query} == {True}
    asked.clear()
    page.reload()
    for name in ("slow to all", "blue to bravo"):
        expect(page.get_by_role("button", name=f"Take {name} out of the chart")).to_be_visible()
    assert sorted(query[:4] for query in asked) == ["?id=", "?id="]


def test_what_a_token_may_not_see_is_told_where_it_would_stand(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    seed(fleet)
    page = open_page("/hosts/alpha?tab=tunnels")
    # Every role of today may read all of this, so the refusal is put in the controller's mouth.
    refusal = {"title": "Forbidden", "status": 403, "detail": "the role guest may not read tunnels"}
    asked = re.compile(r"/v1/hosts/alpha/tunnels\?")
    page.route(asked, lambda route: route.fulfill(status=403, json=refusal))
    sign_in(page, api.secret)
    tunnels = page.get_by_role("region", name="Tunnels")
    expect(tunnels).to_contain_text("Tunnels are not yours to see")
    expect(tunnels).to_contain_text("the role guest may not read tunnels")
    open_tab(page, "Bridges and ports")
    expect(row(page, "Ports of br-fleet", "web-1")).to_be_visible()


def test_an_operator_sends_no_change_to_a_host_in_maintenance_and_lets_it_go_on_later(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    seed(fleet)
    page = open_page("/hosts/alpha", color_scheme="dark")
    sign_in(page, api.secret)
    choose(page, "Maintenance on")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("is sent no change until you take it out again")
    assert_accessible(page, axe)
    dialog.get_by_role("button", name="Put into maintenance").click()
    expect(page.get_by_text("alpha is in maintenance")).to_be_visible()
    expect(page.get_by_text("the host forwards with what it has")).to_be_visible()

    choose(page, "Maintenance off")
    page.get_by_role("dialog").get_by_role("button", name="Make active").click()
    expect(page.get_by_text("alpha is active")).to_be_visible()

    choose(page, "Decommission")
    expect(dialog).to_contain_text("Bridge edge")
    decommission = dialog.get_by_role("button", name="Decommission")
    expect(decommission).to_be_disabled()
    dialog.get_by_label("Type alpha to go on").fill("alpha")
    decommission.click()
    expect(page.get_by_text("alpha is leaving the fleet")).to_be_visible()
    assert fleet.get("/v1/hosts/alpha").json()["spec"]["state"] == "decommissioning"


def choose(page: Page, action: str) -> None:
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name=re.compile(f"^{action}")).click()


def test_what_waits_for_a_person_goes_on_when_it_is_named(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    revision = seed(fleet)
    alpha = ReportingHost(api.db, uid_of(fleet, "hosts/alpha"))
    left = "port:00000000-0000-0000-0000-00000000beef"
    alpha.report(revision, [ReportedFailure(left, "conflict", "NotRemoved", "old-1 is ours")])
    page = open_page("/hosts/alpha")
    sign_in(page, api.secret)
    choose(page, "Release")
    dialog = page.get_by_role("dialog")
    release = dialog.get_by_role("button", name="Release")
    expect(release).to_be_disabled()
    dialog.get_by_label(left).check()
    dialog.get_by_label("Type alpha to go on").fill("alpha")
    with page.expect_request("**/release") as sent:
        release.click()
    wanted = {"pin": False, "drift": False, "removals": [left], "force": [], "confirm_count": 1}
    assert sent.value.post_data_json == wanted
    expect(page.get_by_text("alpha takes 1 away")).to_be_visible()

    choose(page, "Withdraw grants")
    dialog.get_by_label(left).check()
    dialog.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("1 granted no more")).to_be_visible()
    assert fleet.get("/v1/hosts/alpha/grants").json()["items"] == []


def test_a_viewer_sees_what_differs_on_a_host_and_is_offered_no_action(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    seed(fleet)
    page = open_page("/hosts/alpha?tab=observed")
    # An agent is asked over its stream, and there is none here: its answer is put in the
    # controller's mouth.
    web = {"kind": "Port", "project": "default", "name": "web-1"}
    item = {"resource": "port:1", "object": web, "state": "differs", "reason": "", "message": ""}
    answer = {
        "host": "alpha",
        "revision": 1,
        "asked_at": "2026-03-14T15:09:26Z",
        "received_at": "2026-03-14T15:09:27Z",
        "items": [item | {"differences": [{"field": "Port.tag", "intended": "2", "found": "7"}]}],
        "counts": dict.fromkeys(("missing", "foreign", "unsupported", "failed"), 0)
        | {"as_intended": 4, "differs": 1},
        "truncated": True,
    }
    page.route("**/v1/hosts/alpha/observed", lambda route: route.fulfill(json=answer))
    sign_in(page, api.token(Role.VIEWER))
    expect(row(page, "What was looked at", "web-1")).to_contain_text("intended 2, found 7")
    expect(page.get_by_role("button", name="4 as intended")).to_be_visible()
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    page.get_by_role("button", name="Actions").click()
    for action in ("Release", "Maintenance on", "Decommission", "Delete"):
        item_of_menu = page.get_by_role("menuitem", name=re.compile(f"^{action}"))
        expect(item_of_menu).to_have_attribute("aria-disabled", "true")
