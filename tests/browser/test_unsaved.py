"""What a person has written in the dashboard, until it is saved or given up."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Dialog, expect

from tests.support.api import Api
from tests.support.dashboard import OpenPage, apply, expect_live, segment, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_a_draft_outlives_the_palette_signing_out_a_deletion_and_its_token(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, segment("blue", vni=7001))
    page = open_page("/segments/blue/edit")
    sign_in(page, api.secret)
    expect_live(page)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", stay)
    mtu = page.get_by_label("MTU", exact=True)
    mtu.fill("1400")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("combobox", name="Search pages, actions and objects")
    palette.fill("Topology")
    palette.press("Enter")
    page.get_by_role("button", name="Sign out").click()
    expect(mtu).to_have_value("1400")
    assert len(asked) == 2

    gone = {"objects": [segment("blue")]}
    fleet.post("/v1/delete", json=gone).raise_for_status()
    expect(page.get_by_text("Somebody else deleted the segment meanwhile.")).to_be_visible()
    page.get_by_role("button", name="Make a new one of it").click()
    page.route("**/v1/apply", lambda route: route.fulfill(status=401, json={"title": "revoked"}))
    mtu.fill("1300")
    again = page.get_by_role("dialog", name="Sign in again")
    expect(again).to_contain_text("revoked")
    page.unroute("**/v1/apply")
    sign_in(page, api.secret)
    page.get_by_role("button", name="Create the segment").click()
    expect(page.get_by_role("heading", name="blue", exact=True)).to_be_visible()
    assert fleet.get("/v1/segments/blue").json()["spec"]["mtu"] == 1300
    assert len(asked) == 2
