"""The search over everything, by the keyboard alone, in headless Chromium."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.support.api import Api
from tests.support.dashboard import (
    OpenPage,
    apply,
    assert_accessible_in_both_colours,
    expect_live,
    host,
    port,
    segment,
    sign_in,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_the_keyboard_finds_an_object_by_its_address_and_opens_it(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"), segment("blue", vni=7777))
    apply(fleet, port("web", "alpha", "blue", mac="02:00:00:00:00:aa"))
    page = open_page()
    sign_in(page, api.secret)
    expect_live(page)
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Search pages, actions and objects")
    expect(field).to_be_focused()
    page.keyboard.type("02:00:00:00:00:aa")
    found = page.get_by_role("group", name="Ports").get_by_role("option")
    expect(found).to_contain_text("MAC address 02:00:00:00:00:aa")
    expect(found).to_have_attribute("aria-selected", "true")
    assert_accessible_in_both_colours(page, axe)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/ports/web$"))
    expect(page.get_by_role("heading", name="web", exact=True)).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("group", name="Recent").get_by_role("option")).to_contain_text("web")
    page.keyboard.type("create seg")
    expect(page.get_by_role("option", name="Create segment")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/segments/new$"))
    expect(page.get_by_role("heading", name="Create a segment")).to_be_focused()


def test_letters_typed_before_the_palette_has_come_stand_in_it(
    open_page: OpenPage, api: Api
) -> None:
    page = open_page()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/assets/palette-*.js", hold)
    sign_in(page, api.secret)
    expect_live(page)
    with page.expect_request("**/assets/palette-*.js"):
        page.keyboard.press("Control+k")
    page.keyboard.type("10.0/9x")
    page.keyboard.press("Backspace")
    held[0].continue_()
    field = page.get_by_role("combobox", name="Search pages, actions and objects")
    expect(field).to_have_value("10.0/9")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")

    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Search pages, actions and objects")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
