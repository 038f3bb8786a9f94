"""Objects over REST: created, read, listed, replaced, deleted, applied in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import pytest

from controller.store.engine import Database, Transaction
from tests.support.api import Api
from tests.support.fabric import FABRIC, YAML, admin, fabric, names
from tests.support.manifests import apply, segment
from tests.support.reports import ReportingHost

pytestmark = pytest.mark.integration

__all__ = ["admin", "fabric"]

HOST: dict[str, Any] = {
    "metadata": {"name": "h1"},
    "spec": {"vteps": ["192.0.2.1"], "underlay_mtu": 9000},
}


async def test_a_created_object_is_answered_whole_with_its_address_and_etag(
    admin: httpx.AsyncClient,
) -> None:
    answer = await admin.post("/v1/hosts", json=HOST)
    assert answer.status_code == 201
    document = answer.json()
    assert document["kind"] == "Host"
    assert document["spec"] == {
        "vteps": ["192.0.2.1"],
        "underlay_mtu": 9000,
        "datapath_type": "system",
        "overlay_bridge": "br-fleet",
        "overlay_bridge_type": "ovs",
        "overlay_bridge_ready": False,
        "confirm": "management_path",
        "confirm_timeout_s": 60,
        "zones": [],
        "vtep_pool": None,
        "management_interface": None,
        "state": "active",
    }
    metadata = document["metadata"]
    assert metadata["project"] == "default"
    assert UUID(metadata["uid"])
    assert answer.headers["etag"] == f'"{metadata["revision"]}"'
    assert document["status"]["phase"] == "Pending"
    assert document.pop("warnings") == []
    assert (await admin.get(answer.headers["location"])).json() == document
    assert (await admin.get(f"/v1/hosts/{metadata['uid']}")).json() == document


async def test_a_segment_gets_a_vni_and_says_auto_when_its_mtu_is_worked_out(
    admin: httpx.AsyncClient,
) -> None:
    spec = (await admin.post("/v1/segments", json={"metadata": {"name": "s"}})).json()["spec"]
    assert 1 <= spec["vni"] <= 16777215
    assert (spec["mtu"], spec["backend"], spec["dst_port"]) == ("auto", "ovs", 4789)
    spec = (
        await admin.post("/v1/segments", json={"metadata": {"name": "t"}, "spec": {"mtu": 1400}})
    ).json()["spec"]
    assert spec["mtu"] == 1400


async def test_an_object_that_the_caller_has_already_is_not_sent_again(
    api: Api, admin: httpx.AsyncClient
) -> None:
    await admin.post("/v1/hosts", json=HOST)
    seen = await admin.get("/v1/hosts/h1")
    tag = seen.headers["etag"]
    answer = await admin.get("/v1/hosts/h1", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    ReportingHost(api.db, seen.json()["metadata"]["uid"]).report(api.head())
    answer = await admin.get("/v1/hosts/h1", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()["status"]["phase"]) == (200, "Ready")
    # What its host reports is in the way of no change.
    assert (await admin.delete("/v1/hosts/h1", headers={"If-Match": tag})).status_code == 200


async def test_a_change_needs_if_match_and_is_refused_when_the_object_changed_meanwhile(
    api: Api, admin: httpx.AsyncClient
) -> None:
    tag = (await admin.post("/v1/hosts", json=HOST)).headers["etag"]
    wanted = {**HOST, "spec": {**HOST["spec"], "underlay_mtu": 1500}}
    assert (await admin.put("/v1/hosts/h1", json=wanted)).status_code == 428
    changed = await admin.put("/v1/hosts/h1", json=wanted, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed.json()["spec"]["underlay_mtu"] == 1500
    assert changed.headers["etag"] != tag
    before = api.head()
    stale = await admin.put("/v1/hosts/h1", json=HOST, headers={"If-Match": tag})
    assert stale.status_code == 412
    assert (await admin.delete("/v1/hosts/h1", headers={"If-Match": tag})).status_code == 412
    assert (await admin.delete("/v1/hosts/h1")).status_code == 428
    assert api.head() == before
    anyway = await admin.put("/v1/hosts/h1", json=HOST, headers={"If-Match": "*"})
    assert anyway.status_code == 200


async def test_replacing_works_by_uid_and_never_renames(admin: httpx.AsyncClient) -> None:
    document = (await admin.post("/v1/hosts", json=HOST)).json()
    path = f"/v1/hosts/{document['metadata']['uid']}"
    renamed = {**HOST, "metadata": {"name": "other"}}
    answer = await admin.put(path, json=renamed, headers={"If-Match": "*"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/metadata/name"
    assert (await admin.put(path, json=HOST, headers={"If-Match": "*"})).status_code == 200


async def test_a_put_creates_what_has_no_object_at_its_name(
    api: Api, admin: httpx.AsyncClient
) -> None:
    created = await admin.put("/v1/hosts/h1", json=HOST)
    assert created.status_code == 201, created.text
    assert created.headers["etag"] == f'"{api.head()}"'
    assert (await admin.get(created.headers["location"])).json()["metadata"]["name"] == "h1"
    assert (await admin.put("/v1/hosts/h1", json=HOST)).status_code == 428
    only_new = {"If-None-Match": "*"}
    assert (await admin.put("/v1/hosts/h1", json=HOST, headers=only_new)).status_code == 412
    other = {"metadata": {"name": "h2"}}
    assert (await admin.put("/v1/hosts/h2", json=other, headers=only_new)).status_code == 201


async def test_a_put_that_asks_for_another_object_or_for_one_that_is_there_creates_nothing(
    api: Api, admin: httpx.AsyncClient
) -> None:
    before, uid = api.head(), "8f14e45f-ceea-467f-ab3c-0d1f0a1b2c3d"
    refused: list[tuple[str, dict[str, str], int]] = [
        ("h1", {"If-Match": "*"}, 412),
        ("h1", {"If-Match": '"7"'}, 412),
        ("h1", {"If-Match": "*", "If-None-Match": "*"}, 422),
        ("h1", {"If-None-Match": '"7"'}, 422),
        ("h2", {}, 422),
        ("h1?project=red", {}, 422),
        (uid, {}, 404),
        (uid, {"If-None-Match": "*"}, 404),
    ]
    for path, headers, status in refused:
        answer = await admin.put(f"/v1/hosts/{path}", json=HOST, headers=headers)
        assert (answer.status_code, api.head()) == (status, before), answer.text


async def test_what_is_not_there_can_neither_be_read_nor_changed(admin: httpx.AsyncClient) -> None:
    anyway = {"If-Match": "*"}
    assert (await admin.get("/v1/hosts/h1")).status_code == 404
    assert (await admin.put("/v1/hosts/h1", json=HOST, headers=anyway)).status_code == 412
    assert (await admin.delete("/v1/hosts/h1", headers=anyway)).status_code == 404


async def test_a_deleted_object_is_gone_and_the_answer_names_the_revision(
    api: Api, admin: httpx.AsyncClient
) -> None:
    tag = (await admin.post("/v1/hosts", json=HOST)).headers["etag"]
    answer = await admin.delete("/v1/hosts/h1", headers={"If-Match": tag})
    assert answer.json() == {"revision": api.head(), "warnings": []}
    assert (await admin.get("/v1/hosts/h1")).status_code == 404


async def test_what_is_in_use_cannot_be_deleted_and_the_holders_are_named(
    admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    answer = await admin.delete("/v1/segments/blue", headers={"If-Match": "*"})
    assert answer.status_code == 409
    assert "web-1" in answer.json()["detail"]


async def test_a_fabric_in_yaml_is_one_revision(api: Api, fabric: dict[str, Any]) -> None:
    assert fabric["revision"] == api.head()
    assert [(each["kind"], each["name"], each["action"]) for each in fabric["results"]] == [
        ("Host", "h1", "created"),
        ("Segment", "blue", "created"),
        ("Port", "web-1", "created"),
        ("Port", "web-2", "created"),
        ("Port", "db-1", "created"),
    ]
    assert {each["revision"] for each in fabric["results"]} == {fabric["revision"]}


async def test_applying_the_same_again_changes_nothing(
    api: Api, admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    answer = (await admin.post("/v1/apply", content=FABRIC, headers=YAML)).json()
    assert answer["revision"] == fabric["revision"] == api.head()
    assert {each["action"] for each in answer["results"]} == {"unchanged"}


@pytest.mark.parametrize("how", ["query", "body"])
async def test_a_dry_run_answers_and_writes_nothing(
    api: Api, admin: httpx.AsyncClient, how: str
) -> None:
    before = api.head()
    if how == "query":
        answer = await admin.post("/v1/apply?dry_run=true", content=FABRIC, headers=YAML)
    else:
        body = {"objects": [{"kind": "Host", **HOST}], "dry_run": True}
        answer = await admin.post("/v1/apply", json=body)
    assert {each["action"] for each in answer.json()["results"]} == {"created"}
    assert api.head() == before
    assert await names(admin, "/v1/hosts") == []


async def test_the_file_that_created_a_fabric_deletes_it_in_any_order_and_only_once(
    admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    answer = await admin.post("/v1/delete", content=FABRIC, headers=YAML)
    assert answer.status_code == 200, answer.text
    assert {each["action"] for each in answer.json()["results"]} == {"deleted"}
    for collection in ("hosts", "segments", "ports", "bridges"):
        assert await names(admin, f"/v1/{collection}") == []
    again = (await admin.post("/v1/delete", content=FABRIC, headers=YAML)).json()
    assert {each["action"] for each in again["results"]} == {"unchanged"}
    assert again["revision"] == answer.json()["revision"]


async def test_deleting_a_part_that_the_rest_needs_is_refused_as_a_whole(
    admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    objects = [
        {"kind": "Segment", "metadata": {"name": "blue"}},
        {"kind": "Port", "metadata": {"name": "db-1"}},
    ]
    answer = await admin.post("/v1/delete", json={"objects": objects})
    assert answer.status_code == 409
    assert "web-1" in answer.json()["errors"][0]["detail"]
    assert await names(admin, "/v1/ports") == ["db-1", "web-1", "web-2"]


async def test_a_veth_port_reads_back_as_it_was_written(
    admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    spec = (await admin.get("/v1/ports/web-2")).json()["spec"]
    assert spec["mac"].startswith("0a:")
    placed = {
        "host": "h1",
        "interface": "web2",
        "type": "veth",
        "segment": "blue",
        "bridge": None,
        "tag": None,
        "mac": spec["mac"],
        "mtu": None,
        "addresses": [],
        "peer": {"netns": "guest", "interface": "eth0"},
    }
    assert {name: spec[name] for name in placed} == placed
    unsaid = [value for name, value in spec.items() if name not in placed]
    assert all(value in (None, [], {}, "up", "enforce") for value in unsaid)


async def test_an_answer_shows_what_its_own_request_wrote(
    api: Api,
    admin: httpx.AsyncClient,
    fabric: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transaction, mtus, there = api.db.transaction, count(1350), ["blue"]

    @contextmanager
    def overtaken() -> Iterator[Transaction]:
        with transaction() as tx:
            yield tx
        with closing(Database(api.db.url, pool_size=1)) as other:
            apply(other, *(segment(name, mtu=next(mtus)) for name in there))

    monkeypatch.setattr(api.db, "transaction", overtaken)
    replaced = await admin.put(
        "/v1/segments/blue",
        json={"metadata": {"name": "blue"}, "spec": {"mtu": 1300}},
        headers={"If-Match": "*"},
    )
    there.append("newer")
    made = await admin.post(
        "/v1/segments", json={"metadata": {"name": "newer"}, "spec": {"mtu": 1301}}
    )
    for answer, mtu in ((replaced, 1300), (made, 1301)):
        shown = answer.json()
        assert shown["spec"]["mtu"] == mtu
        assert answer.headers["ETag"] == f'"{shown["metadata"]["revision"]}"'


async def test_the_desired_state_of_a_host_is_what_its_agent_is_told(
    admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    answer = (await admin.get("/v1/hosts/h1/desired-state")).json()
    assert answer["revision"] == fabric["revision"]
    assert bytes.fromhex(answer["hash"])
    ports = answer["state"]["host"]["ports"]
    assert {each["interface"] for each in ports} == {"web1", "web2", "db1"}


async def test_a_join_token_is_made_for_an_intended_host_and_says_how_to_use_it(
    admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    answer = await admin.post("/v1/hosts/h1/join-tokens", json={"ttl_seconds": 600})
    assert answer.status_code == 201
    made = answer.json()
    assert made["host"] == "h1"
    assert made["token"].startswith("join.h1.")
    assert made["command"] == f"ovsfleet-agent enroll --token {made['token']}"
    assert (await admin.post("/v1/hosts/h1/join-tokens")).status_code == 201
    assert (await admin.post("/v1/hosts/h9/join-tokens")).status_code == 404
    short = await admin.post("/v1/hosts/h1/join-tokens", json={"ttl_seconds": 1})
    assert short.json()["errors"][0]["pointer"] == "/ttl_seconds"


async def test_a_host_without_trouble_has_no_failures(
    admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    assert (await admin.get("/v1/hosts/h1/failures")).json() == {"items": []}


async def test_the_fleet_counts_objects_by_phase(
    admin: httpx.AsyncClient, fabric: dict[str, Any]
) -> None:
    fleet = (await admin.get("/v1/fleet")).json()
    assert fleet["revision"] == fabric["revision"]
    assert fleet["hosts"]["total"] == fleet["hosts"]["pending"] == 1
    assert fleet["ports"]["total"] == 3
    assert fleet["segments"]["total"] == 1
