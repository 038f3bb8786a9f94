"""Lists over REST: pages, labels, projects, and what they cannot be narrowed by."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.api import Api
from tests.support.fabric import admin, fabric, names

__all__ = ["admin", "fabric"]

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("page_size", [1, 2, 3, 100, 5000])
async def test_pages_together_are_the_whole_list_once(
    admin: httpx.AsyncClient, fabric: dict[str, Any], page_size: int
) -> None:
    seen: list[str] = []
    token = ""
    while True:
        answer = await admin.get(f"/v1/ports?page_size={page_size}&page_token={token}")
        page = answer.json()
        assert len(page["items"]) <= page_size
        assert page["revision"] == fabric["revision"]
        seen += [item["metadata"]["name"] for item in page["items"]]
        token = page["next_page_token"]
        if not token:
            break
    assert seen == ["db-1", "web-1", "web-2"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("tier=web", ["web-1", "web-2"]),
        ("tier!=web", ["db-1"]),
        ("zone in (a,c)", ["web-1"]),
        ("zone", ["web-1", "web-2"]),
        ("!zone", ["db-1"]),
        ("tier=web,zone!=a", ["web-2"]),
        ("tier=nothing", []),
    ],
)
@pytest.mark.parametrize("page_size", [1, 100])
async def test_a_label_selector_chooses_whatever_the_size_of_a_page(
    admin: httpx.AsyncClient,
    fabric: dict[str, Any],
    selector: str,
    expected: list[str],
    page_size: int,
) -> None:
    seen: list[str] = []
    token = ""
    while True:
        answer = await admin.get(
            "/v1/ports",
            params={"label_selector": selector, "page_size": page_size, "page_token": token},
        )
        page = answer.json()
        seen += [item["metadata"]["name"] for item in page["items"]]
        token = page["next_page_token"]
        if not token:
            break
    assert seen == expected


async def test_a_list_of_another_project_is_another_list(
    api: Api, admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    api.add_projects("red")
    answer = await admin.post("/v1/segments", json={"metadata": {"name": "blue", "project": "red"}})
    assert answer.status_code == 201, answer.text
    assert await names(admin, "/v1/segments?project=red") == ["blue"]
    assert await names(admin, "/v1/segments?project=default") == ["blue"]
    assert await names(admin, "/v1/segments") == ["blue", "blue"]
    mine = (await admin.get("/v1/segments/blue?project=red")).json()
    assert mine["metadata"]["project"] == "red"
    changed = await admin.put(
        "/v1/segments/blue?project=red",
        json={"metadata": {"name": "blue"}, "spec": {"mtu": 1300}},
        headers={"If-Match": "*"},
    )
    assert changed.json()["metadata"]["project"] == "red"


@pytest.mark.parametrize("many", ["flow-exports", "qos-policies", "segments", "pools", "hosts"])
async def test_what_is_on_no_host_by_itself_is_not_listed_by_host(
    admin: httpx.AsyncClient, many: str
) -> None:
    answer = await admin.get(f"/v1/{many}?host=h1")
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("", "host")
    assert "leave it out" in error["fix"]
