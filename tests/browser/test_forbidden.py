"""What a token of one project is shown: what it may see, and nothing that ends in a refusal."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Response, expect

from controller.auth import Role
from tests.support.api import Api
from tests.support.dashboard import (
    OpenPage,
    apply,
    expect_live,
    expect_page,
    host,
    port,
    segment,
    sign_in,
    visit,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_PAGES = {
    "/": ("Fleet", "Latest changes"),
    "/topology": ("Topology", "Hosts"),
    "/events": ("Events", "object.created"),
    "/hosts": ("Hosts", "alpha"),
    "/hosts/alpha": ("alpha", "Conditions"),
    "/hosts/alpha?tab=bridges": ("alpha", "web"),
    "/hosts/alpha?tab=inventory": ("alpha", "Inventories are not yours to see"),
    "/hosts/alpha?tab=observed": ("alpha", "Desired and observed states are not yours to see"),
    "/hosts/alpha?tab=history": ("alpha", "created"),
    "/hosts/alpha/edit": ("Edit host alpha", "This token may not write hosts"),
    "/hosts/new": ("Create a host", "This token may not write hosts"),
    "/segments": ("Segments", "mine"),
    "/segments/mine?project=shop": ("mine", "7001"),
    "/segments/mine?project=shop&tab=ports": ("mine", "web"),
    "/segments/mine?project=shop&tab=history": ("mine", "created"),
    "/segments/mine/edit?project=shop": ("Edit segment mine", "This token may not write segments"),
    "/segments/vault?project=bank": ("vault", "of a project that this token does not reach"),
    "/ports/teller?project=bank": ("teller", "The token reaches shop."),
    "/mirrors": ("Mirrors", "Mirrors are not yours to see"),
    "/settings": ("Settings", "Webhooks are not yours to see"),
    "/enrol": ("Enrol a host", "do not let it bring machines in"),
    "/apply": ("Apply a file", "This token may not write anything"),
}
"""With their titles, and what they say in their place or of it."""
_FOREIGN = re.compile("vault|teller|bank")
_WRITES = re.compile(
    r"(?i)(add|adopt|apply|create|delete|edit|make|release|save|send|withdraw|restore)\b"
)


def of(project: str, made: dict[str, Any]) -> dict[str, Any]:
    return made | {"metadata": made["metadata"] | {"project": project}}


def seed(api: Api, fleet: httpx.Client) -> None:
    api.add_projects("shop", "bank")
    apply(
        fleet,
        host("alpha", "192.0.2.1"),
        host("bravo", "192.0.2.2"),
        of("shop", segment("mine", vni=7001)),
        of("bank", segment("vault", vni=7002)),
        of("shop", port("web", "alpha", "mine")),
        of("bank", port("teller", "alpha", "vault")),
    )


def offered(page: Page) -> list[str]:
    """Buttons, links and menu items that can be used and write something."""
    controls = page.get_by_role("main").locator(
        "button:not([disabled]), a[href], [role=menuitem]:not([aria-disabled=true])"
    )
    return [text for text in controls.all_inner_texts() if _WRITES.match(text.strip())]


def test_a_viewer_of_one_project_is_offered_nothing_that_is_refused(
    open_page: OpenPage, api: Api, fleet: httpx.Client
) -> None:
    seed(api, fleet)
    refused: list[str] = []

    def note(response: Response) -> None:
        if response.status == httpx.codes.FORBIDDEN:
            refused.append(f"{response.request.method} {response.url}")

    page = open_page()
    page.on("response", note)
    sign_in(page, api.token(Role.VIEWER, "shop"))
    expect_live(page)
    main = page.get_by_role("main")
    found: dict[str, list[str]] = {}
    for path, (title, says) in _PAGES.items():
        visit(page, path)
        expect_page(page, title)
        expect(main).to_contain_text(says)
        if refused:
            expect(main).to_contain_text("not yours to see")
        writes = [each for each in refused if not each.startswith("GET")]
        refused.clear()
        # The address says the name that was asked for, and so may the page; nothing else does.
        leaks = [] if _FOREIGN.search(path) else _FOREIGN.findall(page.content())
        found[path] = [*offered(page), *writes, *leaks]
    assert {path: these for path, these in found.items() if these} == {}
