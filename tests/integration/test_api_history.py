"""Over REST: what became of objects, and what was changed in the fleet, newest first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from controller.auth import Role
from controller.services import tokens
from controller.store.engine import Database
from tests.support.api import Api, make_app

pytestmark = pytest.mark.integration

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(shared_database_url: str) -> Iterator[Api]:
    database = Database(shared_database_url, pool_size=20)
    secret = tokens.ensure_admin(database, now=NOW)
    assert secret is not None
    api = Api(database, make_app(database), secret)
    api.add_projects("blue")
    yield api
    database.close()


@pytest.fixture
async def admin(shared: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with shared.admin as client:
        yield client


def manifest(kind: str, name: str, project: str = "default", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "project": project}, "spec": spec}


async def apply(client: httpx.AsyncClient, *objects: dict[str, Any]) -> int:
    answer = await client.post("/v1/apply", json={"objects": list(objects)})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["revision"])


async def delete(client: httpx.AsyncClient, kind: str, name: str, project: str = "default") -> int:
    body = {"objects": [{"kind": kind, "metadata": {"name": name, "project": project}}]}
    return int((await client.post("/v1/delete", json=body)).json()["revision"])


async def read(client: httpx.AsyncClient, path: str, **asked: Any) -> dict[str, Any]:
    answer = await client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_history_tells_who_changed_which_field_also_of_what_is_gone(
    admin: httpx.AsyncClient,
) -> None:
    made = await apply(admin, manifest("Segment", "red", mtu=1400))
    labelled = manifest("Segment", "red", mtu=1300, subnets=["192.0.2.0/24"])
    labelled["metadata"]["labels"] = {"a/b": "1"}
    changed = await apply(admin, labelled)
    uid = (await read(admin, "/v1/segments/red"))["metadata"]["uid"]
    there = await read(admin, "/v1/segments/red/history")
    gone = await delete(admin, "Segment", "red")
    deleted, updated, created = (await read(admin, f"/v1/segments/{uid}/history"))["items"]
    assert there["items"] == [updated, created]
    assert (await read(admin, "/v1/segments/red/history"))["items"][0] == deleted
    assert [each["revision"] for each in (deleted, updated, created)] == [gone, changed, made]
    assert [each["action"] for each in (deleted, updated, created)] == [
        "deleted",
        "updated",
        "created",
    ]
    assert created["principal"] == updated["principal"] == "admin"
    assert created["request_id"] != updated["request_id"]
    assert updated["changes"] == [
        {"pointer": "/metadata/labels/a~1b", "before": None, "after": "1"},
        {"pointer": "/spec/mtu", "before": 1400, "after": 1300},
        {"pointer": "/spec/subnets", "before": [], "after": ["192.0.2.0/24"]},
    ]
    assert (deleted["spec"], deleted["changes"]) == (updated["spec"], [])
    again = await apply(admin, manifest("Segment", "red"))
    assert [
        each["revision"] for each in (await read(admin, "/v1/segments/red/history"))["items"]
    ] == [again]
    for missing in ("blue", "00000000-0000-0000-0000-000000000001"):
        assert (await admin.get(f"/v1/segments/{missing}/history")).status_code == 404


async def test_pages_of_a_history_are_the_history(admin: httpx.AsyncClient) -> None:
    for mtu in (1300, 1310, 1320):
        await apply(admin, manifest("Segment", "paged", mtu=mtu))
    uid = (await read(admin, "/v1/segments/paged"))["metadata"]["uid"]
    await delete(admin, "Segment", "paged")
    path = f"/v1/segments/{uid}/history"
    whole = (await read(admin, path))["items"]
    assert [each["action"] for each in whole] == ["deleted", "updated", "updated", "created"]
    for size in (1, 2, 3, 4):
        found, token = [], ""
        while True:
            page = await read(admin, path, page_size=size, page_token=token)
            assert 1 <= len(page["items"]) <= size
            found += page["items"]
            if not (token := page["next_page_token"]):
                break
        assert found == whole


async def test_changes_go_backwards_and_are_chosen_by_what_they_are(
    shared: Api, admin: httpx.AsyncClient
) -> None:
    before = shared.head()
    first = await apply(
        admin,
        manifest("Host", "h1", vteps=["192.0.2.1"]),
        manifest("Segment", "s1"),
        manifest("Port", "p1", host="h1", interface="p1", segment="s1"),
    )
    moment = datetime.now(UTC)
    blue = shared.client(shared.token(Role.PROJECT_ADMIN, "blue"))
    second = await apply(blue, manifest("Segment", "s2", "blue"))
    await delete(admin, "Port", "p1")
    page = await read(admin, "/v1/changes", page_size=3)
    assert [(each["action"], each["name"]) for each in page["items"]][:2] == [
        ("deleted", "p1"),
        ("created", "s2"),
    ]
    assert (page["items"][1]["principal"], page["items"][1]["revision"]) == (
        "project-admin-blue",
        second,
    )
    rest = await read(admin, "/v1/changes", page_size=3, page_token=page["next_page_token"])
    names = {each["name"] for each in [*page["items"], *rest["items"]] if each["revision"] > before}
    assert names == {"h1", "s1", "p1", "s2"}
    for asked, count in (
        ({"principal": "project-admin-blue"}, 1),
        ({"kind": "Port", "name": "p1"}, 2),
        ({"project": "blue"}, 1),
        ({"since": moment.isoformat()}, 2),
        ({"until": moment.isoformat(), "name": "p1"}, 1),
        ({"since": (moment + timedelta(days=1)).isoformat()}, 0),
        ({"principal": "nobody"}, 0),
    ):
        assert len((await read(admin, "/v1/changes", **asked))["items"]) == count, asked
    assert first in {each["revision"] for each in rest["items"]}
    for wrong in ({"since": "2030-01-01"}, {"kind": "Cat"}, {"page_token": "x"}, {"page_size": 0}):
        assert (await admin.get("/v1/changes", params=wrong)).status_code == 422


async def test_people_of_a_project_are_told_nothing_of_others(
    shared: Api, admin: httpx.AsyncClient
) -> None:
    await apply(admin, manifest("Segment", "theirs"), manifest("Segment", "ours", "blue"))
    await apply(admin, manifest("Host", "h7", vteps=["192.0.2.7"]))
    uid = (await read(admin, "/v1/segments/theirs"))["metadata"]["uid"]
    blue = shared.client(shared.token(Role.VIEWER, "blue"))
    found = (await read(blue, "/v1/changes"))["items"]
    assert {each["project"] for each in found if each["kind"] == "Segment"} == {"blue"}
    assert found[0]["name"] == "h7"
    assert (await read(blue, "/v1/segments/ours/history", project="blue"))["items"]
    await delete(admin, "Segment", "theirs")
    for path in (f"/v1/segments/{uid}/history", "/v1/segments/theirs/history"):
        assert (await blue.get(path)).status_code == 404
