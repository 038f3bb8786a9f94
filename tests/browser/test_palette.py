"""The search over everything, by the keyboard alone, in headless Chromium."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.api import Api
from tests.support.dashboard import (
    OpenPage,
    apply,
    assert_accessible,
    expect_live,
    host,
    port,
    segment,
    sign_in,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_keyboard_finds_an_object_by_its_address_and_opens_it(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str, *, colours: str
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"), segment("blue", vni=7777))
    apply(fleet, port("web", "alpha", "blue", mac="02:00:00:00:00:aa"))
    page = open_page(color_scheme=colours)
    sign_in(page, api.secret)
    expect_live(page)
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Search pages, actions and objects")
    expect(field).to_be_focused()
    page.keyboard.type("02:00:00:00:00:aa")
    found = page.get_by_role("group", name="Ports").get_by_role("option")
    expect(found).to_contain_text("MAC address 02:00:00:00:00:aa")
    expect(found).to_have_attribute("aria-selected", "true")
    assert_accessible(page, axe)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/ports/web$"))
    expect(page.get_by_role("heading", name="web", exact=True)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("group", name="Recent").get_by_role("option")).to_contain_text("web")
    page.keyboard.type("create seg")
    expect(page.get_by_role("option", name="Create segment")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/segments/new$"))


def test_a_question_mark_shows_what_keys_do(open_page: OpenPage, api: Api) -> None:
    page = open_page()
    sign_in(page, api.secret)
    expect_live(page)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Search pages, actions and objects")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
