"""Nothing is done that a person has not looked at: dialogs that wait, plans that grew old."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.api import Api
from tests.support.dashboard import (
    OpenPage,
    apply,
    assert_accessible,
    expect_live,
    host,
    port,
    row,
    segment,
    sign_in,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def signed_in(open_page: OpenPage, api: Api, path: str) -> Page:
    page = open_page(path)
    sign_in(page, api.secret)
    expect_live(page)
    return page


def _refuse(route: Route) -> None:
    route.fulfill(status=422, json={"title": "No", "detail": "It is not told.", "errors": []})


def test_an_object_is_deleted_only_once_it_is_said_what_goes_and_as_it_was_seen(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"), segment("blue"), port("web", "alpha", "blue"))
    page = signed_in(open_page, api, "/segments/blue")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/v1/segments/blue/realization*", hold)
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete segment blue?")
    dialog.get_by_label("Type blue to go on").fill("blue")
    delete = dialog.get_by_role("button", name="Delete", exact=True)
    expect(dialog).to_contain_text("Asking which hosts have it")
    expect(delete).to_be_disabled()
    # What cannot be known is said, and does not keep a person from deleting it.
    page.route("**/v1/segments/blue/realization*", _refuse)
    for route in held:
        _refuse(route)
    expect(dialog).to_contain_text("It is not known which hosts have it: It is not told.")
    expect(delete).to_be_enabled()
    apply(fleet, segment("blue", mtu=1400))
    expect(dialog).to_contain_text("Somebody changed blue in revision")
    expect(delete).to_be_disabled()
    assert fleet.get("/v1/segments/blue").status_code == 200


def test_a_file_is_not_applied_to_what_somebody_changed_after_the_plan(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, segment("blue", mtu=1500))
    page = signed_in(open_page, api, "/apply")
    page.get_by_label("Files of manifests").set_input_files(
        {
            "name": "blue.yaml",
            "mimeType": "application/yaml",
            "buffer": b"kind: Segment\nmetadata: {name: blue}\nspec: {mtu: 1400}\n",
        }
    )
    button = page.get_by_role("button", name="Apply 1 change")
    expect(button).to_be_enabled()
    # The page looks again by itself when something changes: here it is kept from it.
    page.route("**/v1/apply?dry_run*", lambda route: route.abort())
    apply(fleet, segment("blue", mtu=1300))
    button.click()
    expect(page.get_by_text("Somebody changed it meanwhile, and nothing was done")).to_be_visible()
    assert fleet.get("/v1/segments/blue").json()["spec"]["mtu"] == 1300
    with page.expect_response("**/v1/apply?dry_run*"):
        page.unroute("**/v1/apply?dry_run*")
    page.get_by_role("button", name="Segment blue will be changed").click()
    expect(page.get_by_label("Changes of Segment default blue")).to_contain_text("1300")
    button.click()
    expect(page.get_by_text("Applied as revision 3")).to_be_visible()
    assert fleet.get("/v1/segments/blue").json()["spec"]["mtu"] == 1400


def test_a_page_of_a_list_that_came_as_a_link_has_no_page_before_it(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, *(segment(f"s{number:02d}") for number in range(30)))
    page = signed_in(open_page, api, "/segments")
    page.get_by_role("button", name="Next page").click()
    expect(row(page, "Segments", "s29")).to_be_visible()
    expect(page.get_by_role("button", name="Back", exact=True)).to_be_enabled()
    other = open_page(page.url)
    sign_in(other, api.secret)
    expect(row(other, "Segments", "s29")).to_be_visible()
    expect(other.get_by_role("button", name="Back", exact=True)).to_be_disabled()
    other.get_by_role("button", name="First page").click()
    expect(row(other, "Segments", "s00")).to_be_visible()


def test_the_open_list_of_a_reference_is_told_to_everybody(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"), host("beta", "192.0.2.2"))
    page = signed_in(open_page, api, "/ports/new")
    page.get_by_role("combobox", name="Host").focus()
    expect(page.get_by_role("option", name="beta")).to_be_visible()
    assert_accessible(page, axe)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Host")).to_have_value("beta")
    expect(page.get_by_role("option", name="beta")).to_have_count(0)
