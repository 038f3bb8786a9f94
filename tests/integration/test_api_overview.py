"""What a person looks at first: who they are, the fleet at a glance, what waits, and search."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest

from controller.auth import Role
from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.fabric import YAML, admin, fabric
from tests.support.reports import ReportingHost

__all__ = ["admin", "fabric"]

pytestmark = pytest.mark.integration

CAPITALS = """\
kind: Bridge
metadata: {name: lan}
spec: {host: h1, interface: BR-Ext}
---
kind: Port
metadata: {name: cap-1}
spec: {type: bound, iface_id: Vif-1, segment: blue}
"""


async def test_a_token_is_told_what_it_allows(api: Api) -> None:
    api.add_projects("blue")
    async with api.client(api.token(Role.PROJECT_ADMIN, "blue")) as tenant, api.admin as admin:
        mine = (await tenant.get("/v1/whoami")).json()
        all_of_it = (await admin.get("/v1/whoami")).json()
    assert (mine["roles"], mine["projects"]) == (["project-admin"], ["blue"])
    assert mine["expires_at"] is None
    assert mine["may"]["write"] == ["Segment", "Port"]
    assert "Mirror" not in mine["may"]["read"]
    assert [mine["may"][each] for each in ("enrol", "inspect", "operate")] == [False] * 3
    assert all_of_it["projects"] is None
    assert all_of_it["may"]["write"] == all_of_it["may"]["read"]
    assert [all_of_it["may"][each] for each in ("enrol", "inspect", "operate")] == [True] * 3


async def test_the_fleet_tells_its_hosts_and_what_runs_out(
    api: Api, admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    pool = {"kind": "Pool", "metadata": {"name": "p"}, "spec": {"type": "vni", "ranges": ["1-9"]}}
    halted = {
        "kind": "Host",
        "metadata": {"name": "h2"},
        "spec": {"vteps": ["192.0.2.2"], "state": "maintenance"},
    }
    await admin.post("/v1/apply", json={"objects": [pool, halted]})
    ReportingHost(api.db, await uid(admin, "hosts/h1")).report(api.head())
    fleet = (await admin.get("/v1/fleet")).json()
    assert fleet["hosts_connected"] == 1
    assert fleet["hosts_by_state"] == {
        "active": 1,
        "maintenance": 1,
        "decommissioning": 0,
        "removed": 0,
    }
    assert fleet["ports"]["ready"] == 3
    pools, vlans = fleet["capacity"]
    assert (pools["id"], pools["total"], pools["unit"]) == ("pool:p", 9, "VNIs")
    assert (vlans["used"], vlans["total"]) == (1, 4094)


async def uid(admin: httpx.AsyncClient, path: str) -> str:
    found: str = (await admin.get(f"/v1/{path}")).json()["metadata"]["uid"]
    return found


async def attention(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/attention", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_what_failed_is_one_row_with_a_way_out(
    api: Api, admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    host = ReportingHost(api.db, await uid(admin, "hosts/h1"))
    port = await uid(admin, "ports/web-1")
    host.report(api.head(), [failure(f"port:{port}", "AlreadyTaken")])
    (item,) = await attention(admin)
    assert (item["kind"], item["name"], item["host"]) == ("Port", "web-1", "h1")
    assert (item["phase"], item["reason"]) == ("Failed", "AlreadyTaken")
    assert "`ovsfleet adopt port web-1 --host h1`" in item["fix"]
    assert (await admin.get("/v1/fleet")).json()["attention"] == 1
    assert await attention(admin, kind="Segment") == []
    assert await attention(admin, host="nowhere") == []


async def test_what_a_host_could_not_take_away_is_told_of_the_host_and_not_of_what_has_left(
    api: Api, admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    def made(kind: str, name: str, **spec: Any) -> dict[str, Any]:
        return {"kind": kind, "metadata": {"name": name}, "spec": spec}

    objects = [
        made("Host", "h2", vteps=["192.0.2.2"]),
        made("HostGroup", "racks", selector="rack=a"),
        made("Bridge", "lan", host_group="racks", interface="br-lan"),
        made("FlowExport", "flows", protocol="sflow", targets=["198.51.100.2:6343"],
             host_group="racks"),
        made("Segment", "empty"),
        made("Port", "db-1", host="h2", interface="db1", segment="blue"),
    ]  # fmt: skip
    answer = await admin.post("/v1/apply", json={"objects": objects})
    assert answer.status_code == 200, answer.text
    left = {
        "port": "ports/db-1",
        "bridge": "bridges/lan",
        "export": "flow-exports/flows",
        "segment": "segments/empty",
    }
    resources = [f"{kind}:{await uid(admin, path)}" for kind, path in left.items()]
    hosts = [ReportingHost(api.db, await uid(admin, f"hosts/h{n}")) for n in (1, 2)]
    for resource in resources:
        hosts[0].report(api.head(), [failure(resource, "ForeignInterface")])
        hosts[1].report(api.head())
        (item,) = await attention(admin)
        assert (item["kind"], item["name"], item["message"]) == ("Host", "h1", "see there")
    assert (await admin.get("/v1/fleet")).json()["attention"] == 1
    assert await attention(admin, project="blue") == []
    assert len(await attention(admin, kind="Host", project="default")) == 1
    patch = {"metadata": {"labels": {"rack": "a"}}}
    merge = {"If-Match": "*", "Content-Type": "application/merge-patch+json"}
    answer = await admin.patch("/v1/hosts/h1", json=patch, headers=merge)
    assert answer.status_code == 200, answer.text
    hosts[0].report(api.head(), [failure(each, "ForeignInterface") for each in resources[1:3]])
    found = {(each["kind"], each["name"]) for each in await attention(admin)}
    assert found == {("Bridge", "lan"), ("FlowExport", "flows")}


PROJECTS = ("default", "blue")
HOSTS = ("well", "stopped", "behind", "away", "unknown")


async def strange_fleet(api: Api, admin: httpx.AsyncClient) -> None:
    """Hosts that are well, stopped, behind, away and unknown, with ports that are so for them or
    for reasons of their own."""
    api.add_projects("blue")
    hosts = [
        {"kind": "Host", "metadata": {"name": name}, "spec": {"vteps": [f"192.0.2.{n}"]}}
        for n, name in enumerate(HOSTS, 1)
    ]
    segments = [{"kind": "Segment", "metadata": {"name": "s", "project": p}} for p in PROJECTS]
    ports = [
        {
            "kind": "Port",
            "metadata": {"name": f"{host}-{n}", "project": project},
            "spec": {"host": host, "interface": f"{project}{n}", "segment": "s"},
        }
        for project in PROJECTS
        for host in HOSTS
        for n in range(3)
    ]
    guest = {"type": "bound", "iface_id": "vif-1", "segment": "s"}
    ports.append({"kind": "Port", "metadata": {"name": "guest"}, "spec": guest})
    answer = await admin.post("/v1/apply", json={"objects": [*hosts, *segments, *ports]})
    assert answer.status_code == 200, answer.text
    sessions = {
        name: ReportingHost(api.db, await uid(admin, f"hosts/{name}"))
        for name in ("well", "stopped", "behind", "away")
    }
    sessions["well"].report(
        api.head(),
        [
            failure(f"port:{await uid(admin, 'ports/well-1')}", "AlreadyTaken"),
            failure(f"port:{await uid(admin, 'ports/well-2')}", "Drifted"),
            failure(f"port:{await uid(admin, 'ports/well-2?project=blue')}", "DriftFought"),
        ],
    )
    sessions["stopped"].report(api.head(), [failure("host", "OvsGone")])
    sessions["behind"].report(api.head() - 1)
    with psycopg.connect(api.db.url) as connection:
        connection.execute(
            "UPDATE host_status SET connected = false"
            " WHERE host_uid = (SELECT uid FROM host WHERE name = 'away')"
        )
        # An hour passes.
        for table in ("host", "port"):
            connection.execute(
                f"UPDATE {table} SET updated_at = updated_at - interval '1 hour',"  # noqa: S608
                " created_at = created_at - interval '1 hour'"
            )


def failure(resource: str, reason: str) -> ReportedFailure:
    return ReportedFailure(resource=resource, kind="conflict", reason=reason, message="see there")


async def test_a_list_of_one_phase_is_of_all_that_are_in_it_and_the_fleet_counts_as_many(
    api: Api, admin: httpx.AsyncClient
) -> None:
    await strange_fleet(api, admin)
    fleet = (await admin.get("/v1/fleet")).json()
    for kind in ("hosts", "segments", "ports"):
        items = (await admin.get(f"/v1/{kind}")).json()["items"]
        for phase in ("Ready", "Degraded", "Failed", "Unknown", "Pending"):
            there = [each["metadata"] for each in items if each["status"]["phase"] == phase]
            for asked, expected in (
                (f'status.phase = "{phase}"', there),
                (
                    f'status.phase != "{phase}"',
                    [e["metadata"] for e in items if e["metadata"] not in there],
                ),
            ):
                page = (await admin.get(f"/v1/{kind}", params={"filter": asked})).json()
                assert [each["metadata"] for each in page["items"]] == expected, asked
            assert fleet[kind][phase.lower()] == len(there), (kind, phase)


async def test_attention_is_one_row_for_each_thing_with_the_most_urgent_on_top(
    api: Api, admin: httpx.AsyncClient
) -> None:
    await strange_fleet(api, admin)
    found = await attention(admin)
    assert [(each["kind"], each["name"], each["phase"], each["reason"]) for each in found] == [
        ("Host", "stopped", "Failed", "OvsGone"),
        ("Port", "well-2", "Degraded", "DriftFought"),
        ("Host", "away", "Unknown", "HostSilent"),
        ("Port", "well-1", "Failed", "AlreadyTaken"),
        ("Port", "well-2", "Degraded", "Drifted"),
        ("Host", "behind", "Pending", "Applying"),
        ("Host", "unknown", "Pending", "NotEnrolled"),
        ("Port", "guest", "Pending", "NotPlugged"),
    ]
    pages = []
    token = ""
    while True:
        page = (await admin.get(f"/v1/attention?page_size=3&page_token={token}")).json()
        assert page["total"] == len(found)
        pages += page["items"]
        token = page["next_page_token"]
        if not token:
            break
    assert pages == found
    async with api.client(api.token(Role.VIEWER, "blue")) as tenant:
        seen = await attention(tenant)
        assert {each["project"] for each in seen if each["kind"] == "Port"} == {"blue"}
        assert (await tenant.get("/v1/fleet")).json()["attention"] == len(seen)
        answer = (await tenant.get("/v1/search", params={"q": "well-1"})).json()
        assert [each["project"] for each in answer["items"]] == ["blue"]


async def test_search_finds_the_exact_before_beginnings_before_the_rest(
    admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    async def found(q: str) -> list[tuple[str, str]]:
        answer = await admin.get("/v1/search", params={"q": q})
        assert answer.status_code == 200, answer.text
        return [(each["name"], each["matched"]["field"]) for each in answer.json()["items"]]

    assert await found("web-1") == [("web-1", "name")]
    assert await found("eb-") == [("web-1", "name"), ("web-2", "name")]
    assert await found("192.0.2.1") == [("h1", "vtep")]
    assert await found("10.0.0.1") == [("web-1", "address")]
    assert await found("02:00:00:00:00:01") == [("web-1", "mac")]
    assert await found("tier=web") == [
        ("blue", "label"),
        ("web-1", "label"),
        ("web-2", "label"),
    ]
    called = await admin.post("/v1/apply", content=CAPITALS, headers=YAML)
    assert called.status_code == 200, called.text
    assert await found("Web-1") == [("web-1", "name")]
    assert await found("Vif") == await found("if-1") == [("cap-1", "iface_id")]
    assert await found("BR-ext") == await found("r-ex") == [("lan", "interface")]
    port = await uid(admin, "ports/db-1")
    assert await found(port) == [("db-1", "uid")]
    assert await found(port[:13]) == [("db-1", "uid")]
