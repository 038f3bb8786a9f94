"""Bringing a host in, what happened, and how this browser shows it, in headless Chromium."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from controller.auth import Role
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
    row,
    sign_in,
    uid_of,
)
from tests.support.reports import ReportingHost

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def opened(open_page: OpenPage, api: Api, path: str, **options: object) -> Page:
    page = open_page(path, **options)
    sign_in(page, api.secret)
    expect_live(page)
    return page


def test_a_new_host_is_followed_from_its_line_until_it_is_as_intended(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    page = opened(open_page, api, "/enrol?host=alpha", viewport=PHONE)
    page.get_by_role("button", name="Make the line").click()
    expect(page.get_by_text("There is no host alpha yet")).to_be_visible()
    page.get_by_role("textbox", name="VTEP").fill("192.0.2.1")
    page.get_by_role("button", name="Create alpha and make its line").click()

    card = page.get_by_role("region", name="Enrolment of alpha")
    line = card.get_by_role("textbox", name="Line for alpha")
    expect(line).to_have_value(re.compile("^ovsfleet-agent enroll --token join.alpha."))
    expect(card).to_contain_text(re.compile(r"for (59 min|1 h)"))
    assert_accessible(page, axe)
    assert fleet.get("/v1/hosts/alpha").json()["spec"]["vteps"] == ["192.0.2.1"]

    alpha = ReportingHost(api.db, uid_of(fleet, "hosts/alpha"))
    alpha.report(fleet.get("/v1/fleet").json()["revision"])
    expect(card.get_by_role("link", name="Go to alpha")).to_be_visible()
    expect(line).to_be_hidden()


def test_events_wait_while_they_are_read_and_are_saved_as_they_are_filtered(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    revision = apply(fleet, host("alpha", "192.0.2.1"))["revision"]
    alpha = ReportingHost(api.db, uid_of(fleet, "hosts/alpha"))
    alpha.report(revision)
    page = opened(open_page, api, "/events?kind=Host", viewport=DESKTOP, color_scheme="dark")
    created = row(page, "Events", "object.created")
    expect(created).to_contain_text("alpha")
    before = page.get_by_role("grid", name="Events").inner_text()

    said = "ovs-vswitchd does not answer: start it"
    alpha.report(revision, [ReportedFailure("host", "datapath", "SwitchDown", said)])
    more = page.get_by_role("button", name=re.compile(r"^Show \d+ new event"))
    expect(more).to_be_visible()
    assert page.get_by_role("grid", name="Events").inner_text() == before
    more.click()
    expect(page.get_by_role("grid", name="Events")).to_contain_text(said)
    expect(more).to_be_hidden()
    assert_accessible(page, axe)

    page.get_by_role("combobox", name="What").select_option("object.created")
    expect(page).to_have_url(re.compile(r"kind=Host&type=object.created"))
    expect(page.get_by_role("grid", name="Events")).not_to_contain_text(said)
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(Path(saved.value.path()).read_text().splitlines()))
    assert [(each["type"], each["name"]) for each in rows] == [("object.created", "alpha")]


def test_settings_say_who_is_signed_in_and_keep_how_times_and_colours_are_shown(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"))
    page = opened(open_page, api, "/settings", viewport=DESKTOP)
    expect(page.get_by_role("region", name="Signed in")).to_contain_text("network-admin")
    expect(page.get_by_role("region", name="Controller")).to_contain_text(
        fleet.get("/v1/fleet").json()["version"]
    )
    page.get_by_role("button", name="Dark", exact=True).click()
    page.get_by_role("button", name="UTC", exact=True).click()
    assert_accessible(page, axe)
    page.goto("/events")
    expect(row(page, "Events", "object.created")).to_contain_text("UTC")
    expect(page.locator("html")).to_have_class(re.compile("pf-v6-theme-dark"))


def test_a_webhook_is_made_tried_changed_and_deleted(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    page = opened(open_page, api, "/settings", viewport=PHONE)
    page.get_by_role("button", name="Create a webhook").click()
    form = page.get_by_role("form", name="New webhook")
    form.get_by_role("textbox", name="Name").fill("ops")
    form.get_by_role("textbox", name="URL").fill("https://alerts.example/ovsfleet")
    form.get_by_role("button", name="Create it").click()
    secret = page.get_by_role("textbox", name="Secret of ops")
    expect(secret).to_have_value(re.compile("^whsec_"))
    expect(row(page, "Webhooks", "ops")).to_contain_text("object.failed, host.silent")

    page.get_by_role("button", name="Send a test").click()
    page.get_by_role("button", name="Deliveries of ops").click()
    expect(row(page, "Deliveries to ops", "webhook.test")).to_contain_text("waiting")
    assert_accessible(page, axe)

    page.get_by_role("button", name="Edit ops").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("checkbox", name="object.deleted").check()
    elsewhere = {"name": "ops", "url": "https://pager.example/", "events": ["host.silent"]}
    changed = fleet.put("/v1/webhooks/ops", json=elsewhere, headers={"If-Match": "*"})
    assert changed.status_code == 200
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("Somebody changed it meanwhile")
    dialog.get_by_role("button", name="Show how it is now").click()
    expect(dialog.get_by_role("textbox", name="URL")).to_have_value("https://pager.example/")
    dialog.get_by_role("button", name="Only of some objects").click()
    dialog.get_by_role("checkbox", name="Port", exact=True).check()
    assert_accessible(page, axe)
    dialog.get_by_role("button", name="Save").click()
    expect(row(page, "Webhooks", "ops")).to_contain_text("only Port")

    page.get_by_role("button", name="Delete ops").click()
    dialog.get_by_label("Type ops to go on").fill("ops")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nobody is told yet")).to_be_visible()
    assert fleet.get("/v1/webhooks").json()["items"] == []


def test_who_may_not_enrol_is_told_by_which_role(open_page: OpenPage, api: Api) -> None:
    viewer = api.token(Role.VIEWER)
    page = open_page("/enrol")
    sign_in(page, viewer)
    expect(page.get_by_text("do not let it bring machines in")).to_be_visible()
    expect(page.get_by_role("button", name="Make the line")).to_be_hidden()
