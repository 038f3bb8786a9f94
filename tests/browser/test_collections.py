"""Lists of objects: narrowed, copied and deleted from, in headless Chromium."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.api import Api
from tests.support.dashboard import (
    PHONE,
    OpenPage,
    apply,
    assert_accessible,
    host,
    port,
    row,
    segment,
    sideways,
    sign_in,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_a_filter_that_is_refused_says_so_where_it_was_typed(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"), segment("blue", vni=7777), segment("red", vni=8888))
    page = open_page("/segments", viewport=PHONE)
    sign_in(page, api.secret)
    expect(row(page, "Segments", "red")).to_contain_text("8888")
    page.get_by_label("Health").select_option("Ready")
    typed = page.get_by_label("Filter", exact=True)
    typed.fill("spec.vni <> 7777")
    typed.press("Enter")
    expect(page.get_by_text("At character 11:")).to_be_visible()
    assert_accessible(page, axe)
    assert sideways(page) == []
    typed.fill("spec.vni = 7777")
    typed.press("Enter")
    expect(row(page, "Segments", "blue")).to_be_visible()
    expect(row(page, "Segments", "red")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"filter=spec.vni"))


def test_chosen_objects_are_deleted_together_once_their_number_is_typed(
    open_page: OpenPage, api: Api, fleet: httpx.Client, axe: str
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"), segment("blue"))
    apply(fleet, *(port(name, "alpha", "blue") for name in ("web", "db", "spare")))
    page = open_page("/ports")
    sign_in(page, api.secret)
    page.get_by_label("Choose web", exact=True).check()
    page.get_by_label("Choose db", exact=True).check()
    page.get_by_role("button", name="Delete …").click()
    dialog = page.get_by_role("dialog", name="Delete 2 ports?")
    expect(dialog.get_by_role("list", name="What is deleted")).to_contain_text("web")
    delete = dialog.get_by_role("button", name="Delete 2 ports")
    expect(delete).to_be_disabled()
    assert_accessible(page, axe)
    dialog.get_by_label("Type 2 to go on").fill("2")
    delete.click()
    expect(row(page, "Ports", "web")).to_have_count(0)
    expect(row(page, "Ports", "spare")).to_be_visible()
    expect(page.get_by_text("2 ports chosen")).to_have_count(0)
    names = [each["metadata"]["name"] for each in fleet.get("/v1/ports").json()["items"]]
    assert names == ["spare"]


def test_what_is_in_use_is_not_deleted_and_the_page_says_by_what(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    apply(fleet, host("alpha", "192.0.2.1"), segment("blue"), port("web", "alpha", "blue"))
    page = open_page("/segments")
    sign_in(page, api.secret)
    page.get_by_label("Choose blue", exact=True).check()
    page.get_by_role("button", name="Delete …").click()
    dialog = page.get_by_role("dialog", name="Delete 1 segment?")
    expect(dialog).to_contain_text("web")
    dialog.get_by_label("Type 1 to go on").fill("1")
    expect(dialog.get_by_role("button", name="Delete 1 segment")).to_be_disabled()
