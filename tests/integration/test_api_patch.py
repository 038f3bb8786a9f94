"""Merge patches of one object (RFC 7396)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.api import Api

pytestmark = pytest.mark.integration

MERGE = {"Content-Type": "application/merge-patch+json"}
ANYWAY = {"If-Match": "*", **MERGE}
FABRIC = [
    {"kind": "Host", "metadata": {"name": "h1"}, "spec": {"vteps": ["192.0.2.1"]}},
    {"kind": "Segment", "metadata": {"name": "blue"}},
    {
        "kind": "Port",
        "metadata": {"name": "web", "labels": {"tier": "web", "zone": "a"}},
        "spec": {
            "host": "h1",
            "interface": "web1",
            "segment": "blue",
            "mtu": 1300,
            "addresses": ["10.0.0.1/24"],
        },
    },
]

REFUSED: list[tuple[Any, str, str]] = [
    ({"status": {"phase": "Ready"}}, "/status", "unknown_field"),
    ({"status": None}, "/status", "unknown_field"),
    ({"metadata": {"uid": "x"}}, "/metadata/uid", "unknown_field"),
    ({"metadata": {"revision": 7}}, "/metadata/revision", "unknown_field"),
    ({"metadata": {"revision": None}}, "/metadata/revision", "unknown_field"),
    ({"metadata": {"name": "other"}}, "/metadata/name", "read_only"),
    ({"metadata": {"project": "red"}}, "/metadata/project", "read_only"),
    ({"kind": "Host"}, "/kind", "unknown_value"),
    ({"spec": {"mtuu": 1}}, "/spec/mtuu", "unknown_field"),
    ({"spec": {"mtuu": None}}, "/spec/mtuu", "unknown_field"),
    ({"spec": {"mtu": "1300"}}, "/spec/mtu", "wrong_type"),
    ({"spec": {"mtu": 1}}, "/spec/mtu", "mtu_out_of_range"),
    ({"spec": {"host": None}}, "/spec/host", "host_missing"),
    ({"spec": {"stp": {"foo": None}}}, "/spec/stp/foo", "unknown_field"),
    ({"spec": None}, "/spec", "missing_field"),
    ({"kind": None}, "/kind", "missing_field"),
    ({"metadata": None}, "/metadata", "missing_field"),
    ({"metadata": {"project": None}}, "/metadata/project", "missing_field"),
    ([], "", "wrong_type"),
]

NOTHING: list[Any] = [
    {"metadata": {"labels": {"none": None}}},
    {"spec": {"external_ids": {"none": None}, "stp": {"priority": None}}},
]


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.admin as client:
        answer = await client.post("/v1/apply", json={"objects": FABRIC})
        assert answer.status_code == 200, answer.text
        yield client


async def test_a_patch_changes_what_it_names_and_nothing_else(
    api: Api, admin: httpx.AsyncClient
) -> None:
    before = await admin.get("/v1/ports/web")
    patch = {
        "metadata": {"labels": {"zone": None, "rack": "r1"}},
        "spec": {"addresses": ["10.0.0.2/24"]},
    }
    headers = {"If-Match": before.headers["etag"], **MERGE}
    answer = await admin.patch("/v1/ports/web", json=patch, headers=headers)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["metadata"]["labels"] == {"tier": "web", "rack": "r1"}
    assert document["spec"] == {**before.json()["spec"], "addresses": ["10.0.0.2/24"]}
    assert answer.headers["etag"] == f'"{api.head()}"'
    stale = await admin.patch("/v1/ports/web", json=patch, headers=headers)
    assert stale.status_code == 412
    assert (await admin.patch("/v1/ports/web", json=patch, headers=MERGE)).status_code == 428


async def test_null_brings_a_field_back_to_its_default(admin: httpx.AsyncClient) -> None:
    patch = {"spec": {"mtu": None, "addresses": None}}
    spec = (await admin.patch("/v1/ports/web", json=patch, headers=ANYWAY)).json()["spec"]
    assert (spec["mtu"], spec["addresses"]) == (None, [])


async def test_a_patch_that_changes_nothing_takes_no_revision(
    api: Api, admin: httpx.AsyncClient
) -> None:
    before = api.head()
    for patch in ({}, {"spec": {"mtu": 1300}}, *NOTHING):
        answer = await admin.patch("/v1/ports/web", json=patch, headers=ANYWAY)
        assert (answer.status_code, api.head()) == (200, before), answer.text


async def test_a_patch_is_refused_by_the_field_that_is_at_fault(
    api: Api, admin: httpx.AsyncClient
) -> None:
    before = api.head()
    for patch, pointer, code in REFUSED:
        answer = await admin.patch("/v1/ports/web", json=patch, headers=ANYWAY)
        assert answer.status_code == 422, answer.text
        assert (pointer, code) in [(e["pointer"], e["code"]) for e in answer.json()["errors"]]
    assert api.head() == before


async def test_another_media_type_is_told_which_one_is_taken(admin: httpx.AsyncClient) -> None:
    for given in ("application/json", "application/json-patch+json", None):
        headers = {"If-Match": "*", **({"Content-Type": given} if given else {})}
        answer = await admin.patch("/v1/ports/web", content=b"{}", headers=headers)
        assert answer.status_code == 415
        assert answer.headers["accept-patch"] == "application/merge-patch+json"


async def test_a_patch_nested_beyond_reason_is_refused(admin: httpx.AsyncClient) -> None:
    for depth in (900, 20_000):
        body = b'{"spec":' * depth + b"1" + b"}" * depth
        answer = await admin.patch("/v1/ports/web", content=body, headers=ANYWAY)
        assert answer.status_code in {400, 422}, answer.text[:200]


async def test_a_null_for_what_is_no_text_is_refused_with_its_place(
    admin: httpx.AsyncClient,
) -> None:
    for body in (rb'{"\ud800":null}', rb'{"spec":{"\ud800":null}}', rb'{"spec":{"\ud800":1}}'):
        answer = await admin.patch("/v1/ports/web", content=body, headers=ANYWAY)
        assert answer.status_code == 422, answer.text


async def test_what_is_not_there_cannot_be_patched(admin: httpx.AsyncClient) -> None:
    assert (await admin.patch("/v1/ports/none", json={}, headers=ANYWAY)).status_code == 404
