"""The page of one host in headless Chromium, on the real controller with a real database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import expect

from controller.services.statistics import Intake
from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.counting import reading, report
from tests.support.dashboard import (
    OpenPage,
    apply,
    expect_live,
    host,
    manifest,
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
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    revision = seed(fleet)
    page = open_page()
    sign_in(page, api.secret)
    row(page, "Hosts", "alpha").get_by_role("link", name="alpha").click()
    expect(page).to_have_url(re.compile("/hosts/alpha$"))
    expect(row(page, "Ports of br-fleet", "web-1")).to_contain_text("198.51.100.1/24")
    expect(row(page, "Ports of br-edge", "vlan")).to_contain_text("100")
    expect(row(page, "Tunnels", "blue to bravo")).to_contain_text("192.0.2.2")
    expect(row(page, "Tunnels", "campus to 203.0.113.7")).to_contain_text("900")
    expect(row(page, "Conditions", "Connected")).to_contain_text("NotEnrolled")
    expect_live(page)
    page.evaluate("window.notReloaded = true")

    alpha = ReportingHost(api.db, uid_of(fleet, "hosts/alpha"))
    resource = f"port:{uid_of(fleet, 'ports/web-1')}"
    taken = ReportedFailure(resource, "conflict", "NameTaken", "remove the foreign device web-1")
    alpha.report(revision, [taken])
    expect(row(page, "Ports of br-fleet", "web-1")).to_contain_text("NameTaken")
    failures = page.get_by_role("region", name=re.compile("^Failures"))
    expect(failures).to_contain_text("Port web-1")
    expect(failures).to_contain_text("remove the foreign device web-1")
    expect(row(page, "Conditions", "Connected")).to_contain_text("SessionOpen")

    alpha.report(revision)
    expect(failures).to_contain_text("Nothing failed on this host.")
    expect(page.get_by_role("main")).to_contain_text(f"revision {revision} applied")
    assert page.evaluate("window.notReloaded") is True
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Fleet").click()
    expect(row(page, "Hosts", "alpha")).to_contain_text("up to date")


def test_a_host_without_open_vswitch_shows_its_linux_bridges(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    seed(fleet)
    page = open_page("/hosts/delta")
    sign_in(page, api.secret)
    expect(row(page, "Ports of br-v7001", "web-4")).to_contain_text("eth0 in four")
    expect(page.get_by_text("no Open vSwitch")).to_be_visible()
    expect(row(page, "Tunnels", "blue to alpha")).to_contain_text("kernel")


def test_a_host_that_is_not_there_is_told_and_shown_once_it_is(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    page = open_page("/hosts/alpha")
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
    expect(row(page, "Ports of br-fleet", "web-1")).to_contain_text("no data")

    count(api, alpha, subjects, sequence=1, received=0)
    count(api, alpha, subjects, sequence=2, received=10**7)
    expect(row(page, "Rates in numbers", "eth1")).to_contain_text("bit/s")
    expect(page.get_by_role("img", name=re.compile("^Throughput.*eth1"))).to_be_visible()
    expect(row(page, "Ports of br-fleet", "web-1")).to_contain_text("bit/s")
    expect(row(page, "Tunnels", "blue to bravo")).to_contain_text("bit/s")

    before = row(page, "Rates in numbers", "eth1").inner_text()
    count(api, alpha, subjects, sequence=3, received=10**12)
    expect(row(page, "Rates in numbers", "eth1")).not_to_have_text(before)

    page.get_by_role("button", name="blue to bravo").click()
    expect(page).to_have_url(re.compile(r"range=5m&series=tunnel"))
    expect(row(page, "Rates in numbers", "blue to bravo")).to_contain_text("bit/s")
    page.reload()
    expect(page.get_by_label("Charted series")).to_have_value(mesh)
    expect(page.get_by_role("button", name="5 min", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


def test_what_a_token_may_not_see_is_told_where_it_would_stand(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    seed(fleet)
    page = open_page("/hosts/alpha")
    # Every role of today may read all of this, so the refusal is put in the controller's mouth.
    refusal = {"title": "Forbidden", "status": 403, "detail": "the role guest may not read tunnels"}
    page.route("**/v1/hosts/alpha/tunnels", lambda route: route.fulfill(status=403, json=refusal))
    sign_in(page, api.secret)
    tunnels = page.get_by_role("region", name="Tunnels")
    expect(tunnels).to_contain_text("Tunnels are not yours to see")
    expect(tunnels).to_contain_text("the role guest may not read tunnels")
    expect(row(page, "Ports of br-fleet", "web-1")).to_be_visible()
