"""Over REST: how far the fleet is with one object, at once or as soon as it is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest

from controller.api.waiting import MOST_WAITERS, WaitingRoom
from controller.auth import Role
from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.reports import ReportingHost

pytestmark = pytest.mark.integration

_LONG = 30
_SOON = 5.0


def host(number: int) -> dict[str, Any]:
    spec = {"vteps": [f"192.0.2.{number}"]}
    return {"kind": "Host", "metadata": {"name": f"h{number}"}, "spec": spec}


def port(number: int) -> dict[str, Any]:
    spec = {"host": f"h{number}", "interface": "p", "segment": "red"}
    return {"kind": "Port", "metadata": {"name": f"p{number}"}, "spec": spec}


SEGMENT = {"kind": "Segment", "metadata": {"name": "red"}}


class Fleet:
    """Two hosts on one segment."""

    def __init__(self, api: Api, client: httpx.AsyncClient) -> None:
        self.api, self.client = api, client
        self.uid: dict[str, str] = {}
        self.reporting: dict[str, ReportingHost] = {}

    async def make(self) -> None:
        objects = [host(1), host(2), SEGMENT, port(1), port(2)]
        answer = await self.client.post("/v1/apply", json={"objects": objects})
        assert answer.status_code == 200, answer.text
        self.uid = {each["name"]: each["uid"] for each in answer.json()["results"]}

    async def report(self, name: str, *failures: ReportedFailure) -> None:
        if name not in self.reporting:
            self.reporting[name] = ReportingHost(self.api.db, self.uid[name])
        await asyncio.to_thread(self.reporting[name].report, self.api.head(), failures)

    async def realization(self, path: str, **params: Any) -> dict[str, Any]:
        answer = await self.client.get(f"/v1/{path}/realization", params=params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    @property
    def missing_on_h1(self) -> ReportedFailure:
        resource = f"port:{self.uid['p1']}"
        return ReportedFailure(resource, "not_found", "NamespaceMissing", "no netns web")


@pytest.fixture
async def fleet(api: Api) -> AsyncIterator[Fleet]:
    async with api.admin as client:
        made = Fleet(api, client)
        await made.make()
        yield made


async def waiting(fleet: Fleet, path: str, **params: Any) -> asyncio.Task[httpx.Response]:
    """A request that waits by now."""
    query = {"wait": "realized", "timeout": _LONG, **params}
    asked = asyncio.create_task(fleet.client.get(path, params=query))
    room: WaitingRoom = fleet.api.app.state.waiting_room
    deadline = time.monotonic() + _SOON
    while not room.pause:
        assert time.monotonic() < deadline, "nobody waits"
        await asyncio.sleep(0.01)
    return asked


async def test_each_kind_of_object_tells_the_hosts_that_it_needs(fleet: Fleet) -> None:
    await fleet.report("h1")
    assert (await fleet.realization("ports/p1"))["state"] == "realized"
    assert (await fleet.realization("hosts/h1"))["state"] == "realized"
    found = await fleet.realization("segments/red")
    assert (found["state"], found["revision"], found["observed_revision"]) == ("in_progress", 1, 0)
    assert found["pending_since"] is not None
    hosts = found["hosts"]
    assert (hosts["total"], hosts["ok"], hosts["failed"]) == (2, 1, [])
    assert [(h["host"], h["reason"]) for h in hosts["pending"]] == [("h2", "NotEnrolled")]
    assert (await fleet.realization("ports/p2"))["state"] == "pending"
    await fleet.report("h2")
    found = await fleet.realization("segments/red")
    assert (found["state"], found["pending_since"]) == ("realized", None)
    assert found["observed_revision"] == 1


async def test_a_failure_is_told_with_its_host_and_reason(fleet: Fleet) -> None:
    await fleet.report("h1", fleet.missing_on_h1)
    found = await fleet.realization("ports/p1")
    assert (found["state"], found["hosts"]["failed_count"]) == ("error", 1)
    (failed,) = found["hosts"]["failed"]
    assert failed["since"] == found["pending_since"]
    del failed["since"]
    assert failed == {
        "host": "h1",
        "phase": "Failed",
        "reason": "NamespaceMissing",
        "message": "no netns web",
    }
    assert (await fleet.realization("hosts/h1"))["state"] == "degraded"


async def test_a_segment_waits_for_the_host_that_joined_it_last(fleet: Fleet) -> None:
    await fleet.report("h1")
    await fleet.report("h2")
    answer = await fleet.client.post("/v1/apply", json={"objects": [host(3), port(3)]})
    assert answer.status_code == 200
    found = await fleet.realization("segments/red")
    # Those who were there must learn of the new member, too.
    assert [h["host"] for h in found["hosts"]["pending"]] == ["h1", "h2", "h3"]
    assert found["observed_revision"] == 0


async def test_who_waits_is_answered_as_soon_as_it_is_realized(fleet: Fleet) -> None:
    asked = await waiting(fleet, "/v1/segments/red/realization")
    await fleet.report("h1", fleet.missing_on_h1)
    await fleet.report("h2")
    found = (await asyncio.wait_for(asked, _SOON)).json()
    # What ails a port of the segment on a host does not ail the segment.
    assert found["state"] == "realized"


async def test_a_revision_is_waited_for_in_the_same_way(fleet: Fleet) -> None:
    asked = await waiting(fleet, "/v1/revisions/1")
    await fleet.report("h1")
    await fleet.report("h2")
    found = (await asyncio.wait_for(asked, _SOON)).json()
    assert (found["realized"], found["hosts"]) == (True, {"total": 2, "applied": 2})


async def test_at_the_timeout_the_answer_is_how_far_it_is(fleet: Fleet) -> None:
    found = await fleet.realization("segments/red", wait="realized", timeout=0.2)
    assert found["state"] == "pending"
    answer = await fleet.client.get("/v1/revisions/1", params={"wait": "realized", "timeout": 0.2})
    assert (answer.status_code, answer.json()["realized"]) == (200, False)


async def test_who_waits_for_what_is_deleted_is_told_that_it_is_gone(fleet: Fleet) -> None:
    asked = await waiting(fleet, "/v1/ports/p1/realization")
    gone = await fleet.client.delete("/v1/ports/p1", headers={"If-Match": "*"})
    assert gone.status_code == 200
    assert (await asyncio.wait_for(asked, _SOON)).status_code == 404


async def test_a_revoked_token_ends_its_wait(fleet: Fleet) -> None:
    async with fleet.api.client(fleet.api.token(Role.VIEWER)) as viewer:
        fleet.client, admin = viewer, fleet.client
        asked = await waiting(fleet, "/v1/ports/p1/realization")
        fleet.client = admin
        with psycopg.connect(fleet.api.db.url, autocommit=True) as connection:
            connection.execute("DELETE FROM api_token WHERE name LIKE 'viewer%'")
        assert (await asyncio.wait_for(asked, 2 * _SOON)).status_code == 401


async def test_more_than_so_many_may_not_wait_and_asking_is_always_possible(fleet: Fleet) -> None:
    room: WaitingRoom = fleet.api.app.state.waiting_room
    places = [room.place(str(number)) for number in range(MOST_WAITERS)]
    for place in places:
        place.__enter__()
    refused = await fleet.client.get("/v1/ports/p1/realization", params={"wait": "realized"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert (await fleet.realization("ports/p1"))["state"] == "pending"
    for place in places:
        place.__exit__(None, None, None)
    assert not room.pause


async def test_the_end_of_the_server_ends_every_wait(fleet: Fleet) -> None:
    asked = await waiting(fleet, "/v1/ports/p1/realization")
    fleet.api.app.state.feed.close()
    assert (await asyncio.wait_for(asked, _SOON)).json()["state"] == "pending"


@pytest.mark.parametrize("query", ["wait=ready", "timeout=-1", "timeout=61", "timeout=nan"])
async def test_a_wait_that_makes_no_sense_is_refused_by_name(fleet: Fleet, query: str) -> None:
    answer = await fleet.client.get(f"/v1/ports/p1/realization?{query}")
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.json()["errors"][0]["detail"]


async def test_what_is_out_of_reach_is_not_there(fleet: Fleet) -> None:
    fleet.api.add_projects("blue")
    async with fleet.api.client(fleet.api.token(Role.VIEWER, "blue")) as viewer:
        assert (await viewer.get("/v1/ports/p1/realization")).status_code == 404
        assert (await viewer.get("/v1/hosts/h1/realization")).status_code == 200
    assert (await fleet.client.get("/v1/bridges/none/realization")).status_code == 404
