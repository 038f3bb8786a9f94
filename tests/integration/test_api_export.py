"""Canonical YAML over REST: what comes out goes in again and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from controller.auth import Role
from controller.services import exports, status
from controller.services.status import HostReport, Outcome, SessionStart
from tests.support.api import ADMIN, Api

pytestmark = pytest.mark.integration

YAML = {"Content-Type": "application/yaml"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)

FLEET = """\
kind: Port
metadata: {name: p1, labels: {tier: "on", app: web}}
spec: {host: h1, interface: p1, segment: red, mtu: 1400, addresses: [198.51.100.1/24]}
---
kind: Port
metadata: {name: v1}
spec:
  {host: h1, interface: v1, bridge: lan, type: veth, tag: 7, mtu: 1400,
   peer: {netns: web, interface: eth0}}
---
kind: Segment
metadata: {name: red, labels: {app: web}}
spec: {mtu: auto, backend: auto}
---
kind: Bridge
metadata: {name: lan}
spec: {host: h1, interface: br-lan}
---
kind: Tunnel
metadata: {name: t1}
spec: {ends: [{host: h1, bridge: lan, tag: 7}, {ip: 203.0.113.9}], ttl: inherit, csum: false}
---
kind: Host
metadata: {name: h1}
spec: {vteps: [192.0.2.1, "2001:db8::1"], datapath_type: netdev}
"""


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.admin as client:
        assert (await apply(client, FLEET))["revision"] == 1
        yield client


async def apply(client: httpx.AsyncClient, text: str) -> dict[str, Any]:
    answer = await client.post("/v1/apply", content=text, headers=YAML)
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


async def export(client: httpx.AsyncClient, **params: str) -> str:
    answer = await client.get("/v1/export", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/yaml")
    return answer.text


async def diff(client: httpx.AsyncClient, text: str) -> list[dict[str, Any]]:
    answer = await client.post("/v1/diff", content=text, headers=YAML)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_an_export_says_what_was_intended_and_what_was_given_and_no_more(
    admin: httpx.AsyncClient,
) -> None:
    text = await export(admin)
    kinds = [line for line in text.splitlines() if line.startswith("kind:")]
    assert kinds == [f"kind: {k}" for k in ("Host", "Bridge", "Segment", "Port", "Port", "Tunnel")]
    assert await export(admin, kind="Segment") == (
        "---\nkind: Segment\nmetadata:\n  name: red\n  labels:\n    app: web\n"
        "spec:\n  vni: 10000\n  dst_port: 4789\n  backend: ovs\n"
    )
    assert await export(admin, kind="Host") == (
        "---\nkind: Host\nmetadata:\n  name: h1\nspec:\n  vteps:\n    - 192.0.2.1\n"
        '    - "2001:db8::1"\n  datapath_type: netdev\n'
    )


async def test_what_is_exported_is_unchanged_when_it_is_applied(
    api: Api, admin: httpx.AsyncClient
) -> None:
    text = await export(admin)
    again = await apply(admin, text)
    assert {each["action"] for each in again["results"]} == {"unchanged"}
    assert api.head() == 1
    assert await diff(admin, text) == []
    assert await export(admin) == text


async def test_an_export_is_narrowed_by_labels_kind_project_and_name(
    api: Api, admin: httpx.AsyncClient
) -> None:
    def names(text: str) -> list[str]:
        lines = text.splitlines()
        return [each.removeprefix("  name: ") for each in lines if each.startswith("  name:")]

    assert names(await export(admin, label_selector="app=web,tier")) == ["p1"]
    assert names(await export(admin, label_selector="!app", kind="Port")) == ["v1"]
    assert names(await export(admin, kind="Port", name="p1")) == ["p1"]
    assert await export(admin, name="none") == await export(admin, project="none") == ""
    api.add_projects("blue")
    await apply(admin, "kind: Segment\nmetadata: {name: own, project: blue}\n")
    assert "\n  project: blue\n" in await export(admin, project="blue")
    async with api.client(api.token(Role.VIEWER, "blue")) as viewer:
        assert names(await export(viewer)) == ["h1", "lan", "own", "t1"]


async def test_pages_of_one_export_are_of_one_revision(
    api: Api, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_PAGE", 2)
    segments = "---\n".join(f"kind: Segment\nmetadata: {{name: s{n}}}\n" for n in range(5))
    await apply(admin, segments)
    question = exports.Question()
    pages = exports.pages(api.db, ADMIN, question, api.head())
    first = next(pages)
    await apply(admin, "kind: Segment\nmetadata: {name: later}\n")
    assert (await admin.delete("/v1/segments/s4", headers={"If-Match": "*"})).status_code == 200
    names = [found.name for page in (first, *pages) for found in page]
    assert names == ["h1", "lan", "red", "s0", "s1", "s2", "s3", "s4", "p1", "v1", "t1"]


async def test_a_difference_shows_an_object_before_and_after_with_what_it_would_be_given(
    api: Api, admin: httpx.AsyncClient
) -> None:
    new = "kind: Segment\nmetadata: {name: new}\n"
    changed = "kind: Segment\nmetadata: {name: red}\nspec: {mtu: 1400}\n"
    first, second = await diff(admin, f"{new}---\n{changed}")
    assert (first["name"], first["before"]) == ("new", "")
    assert "vni: 10002\n" in first["after"]
    assert second["before"] == await export(admin, kind="Segment")
    assert second["after"] == second["before"].replace("  labels:\n    app: web\n", "").replace(
        "vni: 10000\n", "vni: 10000\n  mtu: 1400\n"
    )
    assert api.head() == 1


async def test_what_cannot_be_applied_has_no_difference_but_its_violations(
    api: Api, admin: httpx.AsyncClient
) -> None:
    async def refusal(client: httpx.AsyncClient, text: str) -> tuple[int, str]:
        answer = await client.post("/v1/diff", content=text, headers=YAML)
        return answer.status_code, answer.json()["errors"][0]["detail"]

    bad = "kind: Port\nmetadata: {name: p1}\nspec: {host: gone, interface: p, segment: red}\n"
    status, detail = await refusal(admin, bad)
    assert (status, "(line 3)" in detail) == (422, True)
    async with api.client(api.token(Role.VIEWER)) as viewer:
        assert (await refusal(viewer, FLEET))[0] == 403


async def test_a_difference_is_refused_or_shown_where_applying_would_be(
    api: Api, admin: httpx.AsyncClient
) -> None:
    taken = "kind: Port\nmetadata: {name: nic}\nspec: {host: h1, interface: eth9, bridge: lan"
    async with api.client(api.token(Role.PROJECT_ADMIN)) as tenant:
        for path in ("/v1/diff", "/v1/apply"):
            answer = await tenant.post(path, content=f"{taken}, type: system}}\n", headers=YAML)
            assert (path, answer.status_code) == (path, 403)
    h1 = (await admin.get("/v1/hosts/h1")).json()["metadata"]["uid"]
    epoch = status.open_session(api.db, UUID(h1), SessionStart("n", "1"), now=NOW)
    gone = [
        {"kind": "Port", "metadata": {"name": "p1"}},
        {"kind": "Segment", "metadata": {"name": "red"}},
    ]
    assert (await admin.post("/v1/delete", json={"objects": gone})).status_code == 200
    again = "kind: Segment\nmetadata: {name: next}\nspec: {vni: 10000}\n"
    held = await admin.post("/v1/diff", content=again, headers=YAML)
    assert held.json()["errors"][0]["code"] == "vni_taken"
    report = HostReport(api.head(), api.head(), b"x", Outcome.APPLIED, ())
    assert status.record(api.db, UUID(h1), epoch, report, now=NOW)
    assert [each["name"] for each in await diff(admin, again)] == ["next"]


@pytest.mark.parametrize("query", ["kind=port", "label_selector=%3D", "project=a%00b"])
async def test_an_export_that_makes_no_sense_is_refused(
    admin: httpx.AsyncClient, query: str
) -> None:
    assert (await admin.get(f"/v1/export?{query}")).status_code == 422
