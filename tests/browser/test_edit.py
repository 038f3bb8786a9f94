"""Writing intent in the dashboard: by form, as YAML and from files, on the real controller."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.api import Api
from tests.support.dashboard import (
    OpenPage,
    apply,
    assert_accessible,
    assert_accessible_in_both_colours,
    expect_live,
    host,
    segment,
    sign_in,
)
from tests.support.reports import ReportingHost

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_SHOP = """\
kind: Segment
metadata: {name: green, labels: {app: shop}}
spec:
  vni: 7002
---
kind: Port
metadata: {name: web-1, labels: {app: shop}}
spec:
  host: alpha
  segment: green
  interface: web-1
"""


def signed_in(open_page: OpenPage, api: Api, path: str, **options: object) -> Page:
    page = open_page(path, **options)
    sign_in(page, api.secret)
    expect_live(page)
    return page


def text_of(page: Page, label: str) -> Locator:
    return page.get_by_role("textbox", name=label)


def choose(page: Page, text: str) -> None:
    page.get_by_label("Files of manifests").set_input_files(
        {"name": "shop.yaml", "mimeType": "application/yaml", "buffer": text.encode()}
    )


def test_a_form_tells_what_is_wrong_beside_the_field_and_then_creates(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    page = signed_in(open_page, api, "/segments/new")
    page.get_by_label("Name").fill("blue")
    page.get_by_label("VNI", exact=True).fill("99999999")
    vni = page.locator(".pf-v6-c-form__group").filter(has=page.get_by_label("VNI", exact=True))
    expect(vni).to_contain_text("99999999")
    page.get_by_role("button", name="Create the segment").click()
    expect(page.get_by_label("VNI", exact=True)).to_be_focused()
    assert_accessible(page, axe)
    page.get_by_label("VNI", exact=True).fill("7001")
    page.get_by_role("button", name="Create and add another").click()
    expect(page.get_by_text("The segment was created")).to_be_visible()
    page.get_by_label("Name").fill("red")
    page.get_by_role("button", name="Create the segment").click()
    expect(page.get_by_role("heading", name="red")).to_be_visible()
    assert fleet.get("/v1/segments/blue").json()["spec"]["vni"] == 7001
    assert fleet.get("/v1/segments/red").status_code == 200


def test_a_conflicting_edit_as_yaml_is_brought_together_with_the_other_one(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, segment("blue", vni=7001, mtu=1500))
    page = signed_in(open_page, api, "/segments/blue/edit")
    page.get_by_role("tab", name="YAML").click()
    theirs = segment("blue", vni=7001, mtu=1300)
    apply(fleet, theirs | {"metadata": {"name": "blue", "labels": {"tier": "web"}}})
    text = "kind: Segment\nmetadata:\n  name: blue\nspec:\n  vni: 7001\n  mtu: 1400\n"
    text_of(page, "YAML of the segment").press("Control+a")
    page.keyboard.press("Delete")
    # By the keys: neither opens the search in here.
    page.keyboard.type("# 10.0.0.0/24?\n")
    page.keyboard.insert_text(text)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody else changed it meanwhile")).to_be_visible()
    expect(page.get_by_role("radio", name="Mine of spec.mtu")).to_be_checked()
    page.get_by_role("button", name="Go on with both changes").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The segment was changed in revision 3")).to_be_visible()
    stored = fleet.get("/v1/segments/blue").json()
    assert (stored["spec"]["mtu"], stored["metadata"]["labels"]) == (1400, {"tier": "web"})


def test_a_file_is_looked_at_applied_and_followed_onto_the_hosts(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    old = segment("old") | {"metadata": {"name": "old", "labels": {"app": "shop"}}}
    apply(fleet, host("alpha", "192.0.2.1"), old)
    reporting = ReportingHost(api.db, fleet.get("/v1/hosts/alpha").json()["metadata"]["uid"])
    page = signed_in(open_page, api, "/apply")
    choose(page, _SHOP.replace("7002", "none"))
    expect(page.get_by_text("Line 5:")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    choose(page, _SHOP)
    page.get_by_label("Prune by labels").fill("app=shop")
    expect(page.get_by_text("2 will be created, 1 will be deleted.")).to_be_visible()
    page.get_by_role("button", name="Segment green will be created").click()
    expect(page.get_by_label("Changes of Segment default green")).to_contain_text("vni: 7002")
    assert_accessible_in_both_colours(page, axe)
    expect(page.get_by_role("button", name="Apply 3 changes")).to_be_disabled()
    page.get_by_label("Type 1 to go on").fill("1")
    page.get_by_role("button", name="Apply 3 changes").click()
    expect(page.get_by_text("Applied as revision")).to_be_visible()
    expect(page.get_by_text("0 of 1", exact=True)).to_be_visible()
    reporting.report(fleet.get("/v1/fleet").json()["revision"])
    expect(page.get_by_text("1 of 1", exact=True)).to_be_visible()
    assert_accessible_in_both_colours(page, axe)
    page.get_by_role("link", name="web-1").click()
    expect(page.get_by_role("heading", name="web-1")).to_be_visible()
    assert fleet.get("/v1/segments/old").status_code == 404
