"""Explicit tunnels over REST, from the first apply to the last delete, and effective tunnels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from controller.auth import Role
from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.reports import ReportingHost

pytestmark = pytest.mark.integration

YAML = {"Content-Type": "application/yaml"}
FABRIC = """\
kind: Host
metadata: {name: h1}
spec: {vteps: [192.0.2.1]}
---
kind: Host
metadata: {name: h2}
spec: {vteps: [192.0.2.2]}
---
kind: Host
metadata: {name: h3}
spec: {vteps: [192.0.2.3], overlay_bridge_type: linux}
---
kind: Bridge
metadata: {name: lan-1}
spec: {host: h1, interface: br-lan}
---
kind: Bridge
metadata: {name: lan-2}
spec: {host: h2, interface: br-lan}
---
kind: Segment
metadata: {name: blue}
---
kind: Port
metadata: {name: web-1}
spec: {host: h1, interface: web, segment: blue}
---
kind: Port
metadata: {name: web-3}
spec: {host: h3, interface: web, segment: blue, type: veth,
       peer: {netns: web, interface: eth0}}
"""


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.admin as client:
        answer = await client.post("/v1/apply", content=FABRIC, headers=YAML)
        assert answer.status_code == 200, answer.text
        yield client


def manifest(*ends: dict[str, Any], name: str = "t1", **spec: Any) -> dict[str, Any]:
    return {"kind": "Tunnel", "metadata": {"name": name}, "spec": {"ends": list(ends), **spec}}


END_1 = {"host": "h1", "bridge": "lan-1"}
END_2 = {"host": "h2", "bridge": "lan-2"}
OUTSIDE = {"ip": "203.0.113.9"}


async def errors(answer: httpx.Response, status: int) -> list[tuple[str, str]]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


async def test_a_tunnel_is_created_read_changed_and_deleted(admin: httpx.AsyncClient) -> None:
    made = await admin.post("/v1/tunnels", json=manifest(END_1, {**END_2, "tag": 7}))
    assert made.status_code == 201, made.text
    assert made.json()["spec"] == {
        "ends": [
            {**END_1, "ip": None, "tag": None},
            {**END_2, "ip": None, "tag": 7},
        ],
        "key": 10_001,
        "dst_port": 4789,
        "address_family": "ipv4",
        "ttl": None,
        "tos": None,
        "csum": None,
        "df_default": None,
        "drift_policy": "enforce",
    }
    assert made.json()["status"]["phase"] == "Pending"
    assert {**(await admin.get("/v1/tunnels/t1")).json(), "warnings": []} == made.json()
    assert (await admin.get("/v1/fleet")).json()["tunnels"]["pending"] == 1
    wanted = manifest(END_1, {**END_2, "tag": 7}, ttl="inherit", csum=True)
    tag = {"If-Match": made.headers["etag"]}
    changed = await admin.put("/v1/tunnels/t1", json=wanted, headers=tag)
    assert changed.status_code == 200, changed.text
    spec = changed.json()["spec"]
    assert (spec["key"], spec["ttl"], spec["csum"]) == (10_001, "inherit", True)
    moved = manifest(END_1, OUTSIDE)
    refused = await admin.put("/v1/tunnels/t1", json=moved, headers={"If-Match": "*"})
    assert ("/spec/ends", "immutable") in [(p[:10], c) for p, c in await errors(refused, 422)]
    gone = await admin.delete("/v1/tunnels/t1", headers={"If-Match": changed.headers["etag"]})
    assert gone.status_code == 200
    assert (await admin.get("/v1/tunnels/t1")).status_code == 404


async def test_a_refusal_points_at_what_is_wrong_and_stores_nothing(
    api: Api, admin: httpx.AsyncClient
) -> None:
    first = await admin.post("/v1/tunnels", json=manifest(END_1, END_2))
    assert first.status_code == 201
    before = api.head()
    for document, status, expected in (
        (manifest(END_1, END_2, name="t2"), 409, ("/spec/ends", "flooding_loop")),
        (manifest(END_1, OUTSIDE, name="t2", key=10_000), 409, ("/spec/key", "vni_taken")),
        (manifest(END_1, END_1, name="t2"), 422, ("/spec/ends/1/host", "same_host")),
        (manifest(END_1, {"ip": "192.0.2.2"}, name="t2"), 409, ("/spec/ends/1/ip", "vtep_of_host")),
        (manifest(END_1, name="t2"), 422, ("/spec/ends", "too_short")),
        (manifest(END_1, OUTSIDE, name="t2", ttl="many"), 422, ("/spec/ttl", "wrong_type")),
        (manifest(END_1, OUTSIDE, name="t2", ttl=256), 422, ("/spec/ttl", "ttl_out_of_range")),
        (
            manifest(END_1, {**OUTSIDE, "tg": 1}, name="t2"),
            422,
            ("/spec/ends/1/tg", "unknown_field"),
        ),
    ):
        found = await errors(await admin.post("/v1/tunnels", json=document), status)
        assert any(p.startswith(expected[0]) and c == expected[1] for p, c in found), found
    assert api.head() == before


async def test_backends_are_told_apart_before_anything_is_stored(
    api: Api, admin: httpx.AsyncClient
) -> None:
    before = api.head()
    kernel = {"kind": "Segment", "metadata": {"name": "k"}, "spec": {"backend": "kernel"}}
    on_h1 = {"host": "h1", "interface": "k1", "segment": "k"}
    port = {"kind": "Port", "metadata": {"name": "k1"}, "spec": on_h1}
    same_udp = {**kernel, "spec": {"backend": "kernel", "dst_port": 4789}}
    refused = await admin.post("/v1/apply", json={"objects": [same_udp, port]})
    assert {code for _, code in await errors(refused, 409)} == {"backend_port_clash"}
    on_h3 = {**port, "spec": {**on_h1, "host": "h3"}}
    refused = await admin.post("/v1/apply", json={"objects": [kernel, on_h3]})
    assert ("/objects/1/spec/type", "internal_needs_ovs") in await errors(refused, 422)
    no_ovs = {"metadata": {"name": "b3"}, "spec": {"host": "h3", "interface": "b3"}}
    refused = await admin.post("/v1/bridges", json=no_ovs)
    assert [code for _, code in await errors(refused, 422)] == ["host_without_ovs"]
    assert api.head() == before
    made = await admin.post("/v1/apply", json={"objects": [kernel, port]})
    assert made.status_code == 200, made.text
    stored = (await admin.get("/v1/segments/k")).json()["spec"]
    assert (stored["backend"], stored["dst_port"]) == ("kernel", 8472)
    auto = {**kernel, "spec": {"backend": "auto"}}
    again = await admin.post("/v1/apply", json={"objects": [auto]})
    assert again.json()["results"][0]["action"] == "unchanged"


async def test_tunnels_are_applied_and_deleted_as_yaml(admin: httpx.AsyncClient) -> None:
    document = (
        "kind: Tunnel\nmetadata: {name: t1}\nspec:\n  ends:\n"
        "    - {host: h1, bridge: lan-1}\n    - {ip: 203.0.113.9}\n  tos: inherit\n"
    )
    applied = await admin.post("/v1/apply", content=document, headers=YAML)
    assert [r["action"] for r in applied.json()["results"]] == ["created"]
    bad = document.replace("lan-1", "lan-9")
    refused = await admin.post("/v1/apply", content=bad, headers=YAML)
    (error,) = [e for e in refused.json()["errors"] if e["code"] == "unknown_bridge"]
    assert error["pointer"] == "/objects/0/spec/ends/0/bridge"
    assert "(line 5)" in error["detail"]
    listed = await admin.get("/v1/tunnels", params={"host": "h1"})
    assert [item["metadata"]["name"] for item in listed.json()["items"]] == ["t1"]
    assert (await admin.get("/v1/tunnels", params={"host": "h2"})).json()["items"] == []
    deleted = await admin.post("/v1/delete", content=document, headers=YAML)
    assert [r["action"] for r in deleted.json()["results"]] == ["deleted"]


async def test_only_a_network_admin_changes_tunnels_and_everybody_sees_them(
    api: Api, admin: httpx.AsyncClient
) -> None:
    assert (await admin.post("/v1/tunnels", json=manifest(END_1, END_2))).status_code == 201
    api.add_projects("tenant")
    async with api.client(api.token(Role.PROJECT_ADMIN, "tenant")) as tenant:
        assert (await tenant.get("/v1/tunnels/t1")).status_code == 200
        refused = await tenant.post("/v1/tunnels", json=manifest(END_1, OUTSIDE, name="t2"))
        assert refused.status_code == 403
        seen = (await tenant.get("/v1/hosts/h1/tunnels")).json()["items"]
        assert [tunnel["name"] for tunnel in seen] == ["t1"]
        assert (await tenant.get("/v1/segments/blue/tunnels")).status_code == 404


async def test_effective_tunnels_say_what_each_host_has_and_how_it_is(
    api: Api, admin: httpx.AsyncClient
) -> None:
    made = (await admin.post("/v1/tunnels", json=manifest(END_1, END_2))).json()
    uid = {h["metadata"]["name"]: h["metadata"]["uid"] for h in await items(admin, "/v1/hosts")}
    blue = (await admin.get("/v1/segments/blue")).json()["metadata"]["uid"]
    mesh = {
        "id": f"tunnel:{blue}/{uid['h3']}",
        "kind": "mesh",
        "backend": "ovs",
        "name": "blue",
        "project": "default",
        "segment": "blue",
        "host": "h1",
        "remote_host": "h3",
        "bridge": "br-fleet",
        "local_ip": "192.0.2.1",
        "remote_ip": "192.0.2.3",
        "vni": 10_000,
        "dst_port": 4789,
        "phase": "Failed",
        "reason": "NoRoute",
        "message": "no way there",
    }
    explicit = {
        **mesh,
        "id": f"tunnel:{made['metadata']['uid']}",
        "kind": "explicit",
        "name": "t1",
        "segment": None,
        "remote_host": "h2",
        "bridge": "br-lan",
        "remote_ip": "192.0.2.2",
        "vni": 10_001,
        "phase": "Ready",
        "reason": "Applied",
        "message": "host 'h1' has it as intended",
    }
    failure = ReportedFailure(str(mesh["id"]), "datapath", "NoRoute", "no way there")
    ReportingHost(api.db, uid["h1"]).report(api.head(), [failure])
    ReportingHost(api.db, uid["h3"]).report(api.head())
    assert await items(admin, "/v1/hosts/h1/tunnels") == [mesh, explicit]
    there, back = await items(admin, "/v1/segments/blue/tunnels")
    assert there == mesh
    seen_from_h3 = {
        **explicit,
        **{key: mesh[key] for key in ("kind", "name", "segment", "vni")},
        "id": f"tunnel:{blue}/{uid['h1']}",
        "backend": "kernel",
        "host": "h3",
        "remote_host": "h1",
        "bridge": "br-v10000",
        "local_ip": "192.0.2.3",
        "remote_ip": "192.0.2.1",
        "message": "host 'h3' has it as intended",
    }
    assert back == seen_from_h3
    assert await items(admin, "/v1/segments/blue/tunnels?host=h3") == [seen_from_h3]
    first = (await admin.get("/v1/segments/blue/tunnels?page_size=1")).json()
    asked = {"page_size": 1, "page_token": first["next_page_token"]}
    last = (await admin.get("/v1/segments/blue/tunnels", params=asked)).json()
    assert (first["items"], last["items"], last["next_page_token"]) == ([mesh], [back], "")
    other = await admin.get("/v1/segments/blue/tunnels", params={**asked, "host": "h3"})
    assert await errors(other, 422) == [("", "page_token")]


async def items(admin: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await admin.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found
