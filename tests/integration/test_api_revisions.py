"""Over REST: how far the fleet is with one change, and how far each host is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from controller.auth import Role
from tests.support.api import Api
from tests.support.reports import ReportingHost

pytestmark = pytest.mark.integration

HOST = {"kind": "Host", "metadata": {"name": "h1"}, "spec": {"vteps": ["192.0.2.1"]}}
BRIDGE = {"kind": "Bridge", "metadata": {"name": "br"}, "spec": {"host": "h1", "interface": "br"}}


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.admin as client:
        yield client


async def made(admin: httpx.AsyncClient) -> dict[str, Any]:
    answer = await admin.post("/v1/apply", json={"objects": [HOST, BRIDGE]})
    assert answer.status_code == 200, answer.text
    host: dict[str, Any] = (await admin.get("/v1/hosts/h1")).json()
    return host


async def test_a_revision_tells_which_hosts_it_waits_for_and_when_there_are_none(
    api: Api, admin: httpx.AsyncClient
) -> None:
    host = await made(admin)
    assert (await admin.get("/v1/revisions/1")).json() == {
        "revision": 1,
        "head": 1,
        "realized": False,
        "hosts": {"total": 1, "applied": 0},
        "pending": [
            {
                "host": "h1",
                "host_uid": host["metadata"]["uid"],
                "applied_revision": 0,
                "phase": "Pending",
                "reason": "NotEnrolled",
                "message": host["status"]["conditions"][1]["message"],
            }
        ],
    }
    ReportingHost(api.db, host["metadata"]["uid"]).report(1)
    found = (await admin.get("/v1/revisions/1")).json()
    assert (found["realized"], found["pending"]) == (True, [])
    assert found["hosts"] == {"total": 1, "applied": 1}


@pytest.mark.parametrize("revision", ["0", "-1", "2", "9" * 40])
async def test_a_revision_that_never_was_is_not_found_and_the_newest_is_named(
    admin: httpx.AsyncClient, revision: str
) -> None:
    await made(admin)
    answer = await admin.get(f"/v1/revisions/{revision}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert f"no revision {revision}" in answer.json()["detail"]
    assert "at revision 1" in answer.json()["detail"]


async def test_what_is_no_number_is_a_problem_of_the_caller(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/v1/revisions/latest")
    assert answer.status_code == 422
    assert "revision" in answer.json()["errors"][0]["detail"]


async def test_whoever_has_a_token_may_ask_and_nobody_else(
    api: Api, admin: httpx.AsyncClient
) -> None:
    await made(admin)
    api.add_projects("blue")
    async with api.client(api.token(Role.VIEWER, "blue")) as viewer, api.client() as nobody:
        assert (await viewer.get("/v1/revisions/1")).status_code == 200
        assert (await nobody.get("/v1/revisions/1")).status_code == 401


async def test_a_host_tells_how_far_it_has_applied_and_other_kinds_do_not(
    api: Api, admin: httpx.AsyncClient
) -> None:
    host = await made(admin)
    assert host["status"]["applied_revision"] == 0
    ReportingHost(api.db, host["metadata"]["uid"]).report(41)
    (listed,) = (await admin.get("/v1/hosts")).json()["items"]
    assert listed["status"]["applied_revision"] == 41
    assert listed["status"]["observed_revision"] == 1
    (bridge,) = (await admin.get("/v1/bridges")).json()["items"]
    assert "applied_revision" not in bridge["status"]
