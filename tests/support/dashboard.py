"""Manifests, and the gestures of a person at the dashboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import httpx
from playwright.sync_api import Locator, Page, expect

OpenPage: TypeAlias = Callable[..., Page]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


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


def assert_accessible(page: Page, axe: str, within: str = "html") -> None:
    """``within``: a selector, for a test of one screen that leaves what is around it to others."""
    page.evaluate(axe)
    found = page.evaluate("within => axe.run(within, {resultTypes: ['violations']})", within)
    serious = [
        (violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
    assert serious == [], serious
