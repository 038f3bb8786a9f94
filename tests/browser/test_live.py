"""What an open page does when the controller or the network is not what it was."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.api import Api
from tests.support.dashboard import OpenPage, apply, expect_live, host, row, segment, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_files_that_an_upgrade_took_away_take_only_what_needs_them(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"))
    page = open_page("/hosts/alpha")
    # The page fetches its parts by itself when it has time, so they are gone from its beginning.
    taken = re.compile("/assets/(drift-tab|palette|topology-page)-")
    page.route(taken, lambda route: route.fulfill(status=404))
    page.reload()
    sign_in(page, api.secret)
    expect_live(page)
    gone = page.get_by_role("alert").get_by_text("A part of the dashboard could not be loaded")
    page.get_by_role("tab", name="Drift").click()
    expect(gone).to_be_visible()
    expect(page.get_by_role("heading", name="alpha", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Overview").click()
    expect(page.get_by_text("Conditions")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_text("A part of the dashboard could not be loaded")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Close")).click()
    page.get_by_role("link", name="Topology").click()
    expect(gone).to_be_visible()
    page.unroute(taken)
    page.get_by_role("button", name="Reload").first.click()
    expect(page.get_by_role("heading", name="Topology")).to_be_visible()


def test_a_page_that_nobody_sees_keeps_no_connection_and_misses_nothing(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    page = open_page("/segments")
    sign_in(page, api.secret)
    expect_live(page)
    seen = """state => {
        Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    with page.expect_event("requestfailed", lambda request: "/v1/watch" in request.url):
        page.evaluate(seen, "hidden")
    apply(fleet, segment("blue"))
    with page.expect_request("**/v1/watch*") as again:
        page.evaluate(seen, "visible")
    assert again.value.headers["last-event-id"]
    expect(row(page, "Segments", "blue")).to_be_visible()
    # What could be read once and cannot any more is shown as what it is.
    page.route("**/v1/segments*", lambda route: route.fulfill(status=503))
    apply(fleet, segment("red"))
    expect(page.get_by_text("Segments could not be read again")).to_be_visible()
    expect(row(page, "Segments", "blue")).to_be_visible()
    page.unroute("**/v1/segments*")
    expect(row(page, "Segments", "red")).to_be_visible()
    expect(page.get_by_text("Segments could not be read again")).to_have_count(0)
