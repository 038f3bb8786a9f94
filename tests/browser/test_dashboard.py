"""The dashboard in headless Chromium, on the real controller with a real database."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.dashboard import (
    PHONE,
    OpenPage,
    apply,
    expect_live,
    host,
    port,
    row,
    segment,
    sign_in,
    uid_of,
)
from tests.support.reports import ReportingHost
from tests.support.restart import Restart

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_a_wrong_token_is_refused_with_words_and_kept_nowhere(open_page: OpenPage) -> None:
    page = open_page()
    sign_in(page, "ovsf_" + "x" * 43 + "_00000000")
    expect(page.get_by_text("This token was refused")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_signing_in_shows_the_fleet_and_signing_out_forgets_the_token(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"), host("bravo", "192.0.2.2"))
    page = open_page()
    sign_in(page, api.secret)
    hosts = page.get_by_role("region", name="Hosts", exact=True)
    expect(hosts).to_contain_text("0 of 2 connected")
    expect_live(page)
    hosts.get_by_role("link", name="2 Pending").click()
    expect(row(page, "Hosts", "alpha")).to_contain_text("192.0.2.1")
    expect(row(page, "Hosts", "bravo")).to_contain_text("Not enrolled")
    page.reload()
    expect(row(page, "Hosts", "alpha")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to ovsfleet")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_an_empty_fleet_says_what_to_do_first(open_page: OpenPage, api: Api) -> None:
    page = open_page()
    sign_in(page, api.secret)
    expect(page.get_by_role("heading", name="No hosts yet")).to_be_visible()
    expect(page.get_by_text("Nothing has been changed yet.")).to_be_visible()
    expect(page.get_by_text("Everything is as intended.")).to_be_visible()


def test_a_page_that_is_chosen_on_a_phone_is_uncovered_and_has_the_focus(
    open_page: OpenPage, api: Api
) -> None:
    page = open_page(viewport=PHONE)
    sign_in(page, api.secret)
    pages = page.get_by_role("button", name="Pages", exact=True)
    pages.click()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Segments").click()
    expect(pages).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_role("heading", name="Segments", level=1)).to_be_focused()


def test_a_segment_made_elsewhere_arrives_without_a_reload(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    page = open_page()
    sign_in(page, api.secret)
    expect_live(page)
    page.evaluate("window.notReloaded = true")
    changes = page.get_by_role("region", name="Latest changes")
    segments = page.get_by_role("region", name="Segments", exact=True)
    apply(fleet, segment("blue", vni=7777))
    expect(changes).to_contain_text("segment blue created")
    expect(segments).to_contain_text("of 1 ready")
    assert fleet.delete("/v1/segments/blue", headers={"If-Match": "*"}).status_code == 200
    expect(changes).to_contain_text("segment blue deleted")
    expect(segments).to_contain_text("of 0 ready")
    assert page.evaluate("window.notReloaded") is True


def test_what_hosts_report_moves_the_page(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"), segment("blue"))
    made = apply(fleet, port("web", "alpha", "blue"))
    page = open_page()
    sign_in(page, api.secret)
    expect_live(page)
    reporting = ReportingHost(api.db, uid_of(fleet, "hosts/alpha"))
    failure = ReportedFailure(
        f"port:{made['results'][0]['uid']}", "conflict", "NameTaken", "remove the foreign port web"
    )
    reporting.report(made["revision"], [failure])
    attention = page.get_by_role("region", name=re.compile("^Needs attention"))
    expect(attention).to_contain_text("NameTaken")
    expect(attention).to_contain_text("remove the foreign port web")
    expect(attention.get_by_role("link", name="web", exact=True)).to_be_visible()
    expect(attention.get_by_role("button", name="Copy ovsfleet describe port web")).to_be_visible()
    hosts = page.get_by_role("region", name="Hosts", exact=True)
    expect(hosts).to_contain_text("1 Degraded")
    expect(hosts).to_contain_text("1 of 1 connected")
    reporting.report(made["revision"])
    expect(attention).to_contain_text("Everything is as intended.")
    expect(hosts).to_contain_text("1 Ready")


def test_a_filter_narrows_the_hosts(open_page: OpenPage, api: Api, fleet: httpx.Client) -> None:
    apply(fleet, *(host(f"node-{n}", f"192.0.2.{n}") for n in range(1, 31)))
    page = open_page("/hosts")
    sign_in(page, api.secret)
    expect(row(page, "Hosts", "node-1")).to_be_visible()
    page.get_by_label("Filter hosts by name").fill("node-27")
    expect(row(page, "Hosts", "node-27")).to_be_visible()
    expect(row(page, "Hosts", "node-1")).to_have_count(0)


def test_a_controller_that_goes_away_is_told_and_its_return_is_noticed(
    open_page: OpenPage, api: Api, fleet: httpx.Client, restart: Restart
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"))
    page = open_page("/hosts")
    sign_in(page, api.secret)
    expect(row(page, "Hosts", "alpha")).to_be_visible()
    expect_live(page)
    restart.stop()
    expect(page.get_by_text("Live updates stopped")).to_be_visible()
    expect(row(page, "Hosts", "alpha")).to_be_visible()
    restart.start()
    apply(fleet, host("bravo", "192.0.2.2"))
    expect(row(page, "Hosts", "bravo")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Live updates stopped")).to_have_count(0)


def test_markup_in_what_a_host_reports_stays_text(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    revision = apply(fleet, host("alpha", "192.0.2.1"))["revision"]
    markup = '<img src=x onerror="window.hit = true">'
    reporting = ReportingHost(api.db, uid_of(fleet, "hosts/alpha"))
    reporting.report(revision, [ReportedFailure("host", "unavailable", "Odd", markup)])
    page = open_page()
    sign_in(page, api.secret)
    expect(page.get_by_text(markup).first).to_be_visible()
    assert page.evaluate("window.hit") is None


def test_the_keyboard_alone_signs_in_and_skips_to_the_content(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"))
    page = open_page()
    expect(page.get_by_label("API token")).to_be_visible()
    page.get_by_label("API token").focus()
    page.keyboard.type(api.secret)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Fleet", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main-content$"))
