"""Manifests, and the gestures of a person at the dashboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import httpx
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.support.browser import PAGE_TIMEOUT_MS

OpenPage: TypeAlias = Callable[..., Page]

DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)


def manifest(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def host(name: str, vtep: str, **spec: Any) -> dict[str, Any]:
    return manifest("Host", name, vteps=[vtep], **spec)


def segment(name: str, **spec: Any) -> dict[str, Any]:
    return manifest("Segment", name, **spec)


def port(name: str, on: str, of: str, **spec: Any) -> dict[str, Any]:
    return manifest("Port", name, host=on, interface=name, segment=of, **spec)


def apply(fleet: httpx.Client, *objects: dict[str, Any]) -> dict[str, Any]:
    answer = fleet.post("/v1/apply", json={"objects": objects})
    assert answer.status_code == 200, answer.text
    results: dict[str, Any] = answer.json()
    return results


def uid_of(fleet: httpx.Client, path: str) -> str:
    uid: str = fleet.get(f"/v1/{path}").json()["metadata"]["uid"]
    return uid


def sign_in(page: Page, secret: str) -> None:
    page.get_by_label("API token").fill(secret)
    page.get_by_role("button", name="Sign in").click()


def row(page: Page, table: str, name: str) -> Locator:
    return (
        page.get_by_role("grid", name=re.compile(f"^{table}"))
        .get_by_role("row")
        .filter(has=page.get_by_text(name, exact=True))
    )


def expect_live(page: Page) -> None:
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def go(page: Page, place: str) -> None:
    """By the menu, as anybody goes."""
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=place, exact=True).click()


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def expect_phase(page: Page, name: str, phase: str, *, within_ms: int = PAGE_TIMEOUT_MS) -> None:
    """On the page of an object."""
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    heading = page.locator(".host-heading")
    expect(heading.get_by_text(phase, exact=True)).to_be_visible(timeout=within_ms)


def visit(page: Page, path: str) -> None:
    """By the page's own router, which loads nothing anew."""
    page.evaluate(
        "path => { history.pushState(null, '', path); dispatchEvent(new Event('popstate')); }", path
    )


def expect_page(page: Page, title: str) -> None:
    """It is all there: nothing of it is still on its way."""
    expect(page).to_have_title(f"{title} · ovsfleet")
    expect(page.locator(".pf-v6-c-skeleton")).to_have_count(0)


def assert_accessible(page: Page, axe: str) -> None:
    faults = access_faults(page, axe)
    assert faults == [], faults


def assert_accessible_in_both_colours(page: Page, axe: str) -> None:
    """In those that the page has, and in the others; leaves it in those."""
    assert_accessible(page, axe)
    page.evaluate("document.documentElement.classList.toggle('pf-v6-theme-dark')")
    assert_accessible(page, axe)


_ONCE_STILL = """() => Promise.allSettled(document.getAnimations()
  .filter((each) => each instanceof CSSTransition).map((each) => each.finished))"""
"""A colour on its way is no colour that anybody chose. What moves for ever is not waited for."""


def access_faults(page: Page, axe: str) -> list[str]:
    """What axe-core finds serious or critical, each with the markup that it is about."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(axe)
    page.evaluate(_ONCE_STILL)
    found = page.evaluate("axe.run({resultTypes: ['violations'], preload: false})")
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


_WIDER = """() => {
  const wider = [];
  for (let each = document.querySelector("main"); each; each = each.parentElement)
    if (each.scrollWidth > each.clientWidth + 1) wider.push(each);
  if (wider.length === 0) return [];
  const out = [...document.querySelectorAll("main *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => each.cloneNode(false).outerHTML);
  return [...wider.map((each) => `${each.tagName}: ${each.scrollWidth} px`), ...out.slice(0, 3)];
}"""


def sideways(page: Page) -> list[str]:
    """What makes the page wider than the window, so that a person has to scroll to the side."""
    found: list[str] = page.evaluate(_WIDER)
    return found
