"""What is done to a host, and what comes of it when somebody else was faster."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.dashboard import (
    OpenPage,
    apply,
    assert_accessible,
    expect_live,
    host,
    manifest,
    row,
    sign_in,
    uid_of,
)
from tests.support.reports import ReportingHost

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_STALE = "Somebody changed it meanwhile, and nothing was done."


def opened(open_page: OpenPage, api: Api, path: str) -> Page:
    page = open_page(path)
    sign_in(page, api.secret)
    expect_live(page)
    return page


def choose(page: Page, action: str) -> Locator:
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name=re.compile(f"^{action}")).click()
    return page.get_by_role("dialog")


def change_labels(page: Page, fleet: httpx.Client, **labels: str) -> None:
    """As somebody else does; returns once the page knows of the revision."""
    named = {"metadata": {"name": "alpha", "labels": labels}}
    revision = apply(fleet, host("alpha", "192.0.2.1") | named)["revision"]
    expect(page.locator(".masthead-revision")).to_have_text(f"revision {revision}")


def test_what_somebody_else_changed_meanwhile_is_looked_at_before_anything_is_done(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"))
    page = opened(open_page, api, "/hosts/alpha")
    dialog = choose(page, "Maintenance on")
    change_labels(page, fleet, rack="r1")
    dialog.get_by_role("button", name="Put into maintenance").click()
    expect(dialog).to_contain_text(_STALE)
    assert_accessible(page, axe)
    assert fleet.get("/v1/hosts/alpha").json()["spec"]["state"] == "active"
    dialog.get_by_role("button", name="Cancel").click()
    choose(page, "Maintenance on").get_by_role("button", name="Put into maintenance").click()
    expect(page.get_by_text("alpha is in maintenance")).to_be_visible()

    choose(page, "Delete")
    delete = dialog.get_by_role("button", name="Delete", exact=True)
    expect(delete).to_be_disabled()
    dialog.get_by_label("Type alpha to go on").fill("alpha")
    change_labels(page, fleet, rack="r2")
    expect(dialog).to_contain_text("look at alpha again first")
    expect(delete).to_be_disabled()
    dialog.get_by_role("button", name="Cancel").click()
    choose(page, "Delete").get_by_label("Type alpha to go on").fill("alpha")
    delete.click()
    expect(page.get_by_role("heading", name="Hosts", exact=True)).to_be_visible()
    expect(page.get_by_text("No hosts yet")).to_be_visible()
    assert fleet.get("/v1/hosts/alpha").status_code == httpx.codes.NOT_FOUND


def test_a_machine_is_replaced_and_what_is_in_the_way_there_is_adopted(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    edge = manifest("Bridge", "edge", host="alpha", interface="br-edge")
    revision = apply(fleet, host("alpha", "192.0.2.1"), edge)["revision"]
    resource = f"bridge:{uid_of(fleet, 'bridges/edge')}"
    alpha = ReportingHost(api.db, uid_of(fleet, "hosts/alpha"))
    taken = ReportedFailure(resource, "conflict", "AlreadyTaken", "there is a foreign `br-edge`")
    alpha.report(revision, [taken])
    page = opened(open_page, api, "/hosts/alpha?tab=inventory")

    row(page, "In the way of intent", "edge").get_by_role("button", name="Adopt").click()
    dialog = page.get_by_role("dialog", name="Let Bridge edge take over what is there?")
    expect(dialog).to_contain_text("there is a foreign br-edge")
    assert_accessible(page, axe)
    dialog.get_by_label("Accept differences").check()
    dialog.get_by_role("button", name="Adopt").click()
    expect(page.get_by_text("Bridge edge may take over what is there")).to_be_visible()
    (grant,) = fleet.get("/v1/hosts/alpha/grants").json()["items"]
    assert (grant["kind"], grant["resource"]) == ("adopt", resource)
    alpha.report(fleet.get("/v1/fleet").json()["revision"])
    expect(row(page, "In the way of intent", "edge")).to_have_count(0)

    dialog = choose(page, "Replace machine")
    expect(dialog).to_contain_text("turn it off first")
    dialog.get_by_role("button", name="Make the command").click()
    command = dialog.get_by_role("textbox", name="Command for the new machine")
    expect(command).to_have_value(re.compile("^ovsfleet-agent enroll .*--token join.alpha."))
    assert_accessible(page, axe)
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    expect(dialog).to_have_count(0)
    choose(page, "Replace machine")
    expect(dialog.get_by_role("button", name="Make the command")).to_be_visible()
