"""Deleting much at once: by leaving it out of an apply, and only when its number is confirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from controller.auth import Role
from tests.support.api import Api

pytestmark = pytest.mark.integration

YAML = {"Content-Type": "application/yaml"}


def named(kind: str, name: str, app: str | None = None, project: str = "default") -> dict[str, Any]:
    labels = {} if app is None else {"app": app}
    return {"kind": kind, "metadata": {"name": name, "project": project, "labels": labels}}


def port(name: str, app: str, segment: str) -> dict[str, Any]:
    spec = {"host": "h1", "interface": name, "segment": segment}
    return {**named("Port", name, app), "spec": spec}


HOST = {**named("Host", "h1"), "spec": {"vteps": ["192.0.2.1"]}}
SHOP = [named("Segment", "shop", "shop"), port("s1", "shop", "shop"), port("s2", "shop", "shop")]
BLOG = [named("Segment", "blog", "blog"), port("b1", "blog", "blog")]


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.admin as client:
        answer = await client.post("/v1/apply", json={"objects": [HOST, *SHOP, *BLOG]})
        assert answer.status_code == 200, answer.text
        yield client


async def apply(client: httpx.AsyncClient, objects: Iterable[Any], **more: Any) -> httpx.Response:
    return await client.post("/v1/apply", json={"objects": list(objects), **more})


def told(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [f"{each['name']} {each['action']}" for each in answer.json()["results"]]


async def names(client: httpx.AsyncClient, collection: str) -> list[str]:
    items = (await client.get(f"/v1/{collection}")).json()["items"]
    return [item["metadata"]["name"] for item in items]


async def test_what_a_request_leaves_out_of_its_labels_is_deleted_in_its_revision(
    api: Api, admin: httpx.AsyncClient
) -> None:
    prune = {"label_selector": "app=shop"}
    objects = [SHOP[0], port("s3", "shop", "shop"), SHOP[1]]
    dry = await apply(admin, objects, prune=prune, dry_run=True)
    assert told(dry) == ["shop unchanged", "s3 created", "s1 unchanged", "s2 deleted"]
    assert await names(admin, "ports") == ["b1", "s1", "s2"]
    before = api.head()
    done = await apply(admin, objects, prune=prune)
    assert told(done) == told(dry)
    assert (done.json()["revision"], api.head()) == (before + 1, before + 1)
    assert await names(admin, "ports") == ["b1", "s1", "s3"]
    assert await names(admin, "segments") == ["blog", "shop"]


async def test_pruning_looks_at_the_kinds_that_are_named_and_at_all_of_the_selector(
    admin: httpx.AsyncClient,
) -> None:
    prune: dict[str, Any] = {"label_selector": "app in (shop,blog),app!=blog", "kinds": ["Port"]}
    assert told(await apply(admin, [], prune=prune)) == ["s1 deleted", "s2 deleted"]
    assert await names(admin, "segments") == ["blog", "shop"]
    assert told(await apply(admin, [], prune={"label_selector": "app=shop"})) == ["shop deleted"]


async def test_yaml_says_what_to_prune_in_the_query(admin: httpx.AsyncClient) -> None:
    manifest = "kind: Segment\nmetadata: {name: shop, labels: {app: shop}}\n"
    path = "/v1/apply?prune_selector=app%3Dshop&prune_kind=Port"
    answer = await admin.post(path, content=manifest, headers=YAML)
    assert told(answer) == ["shop unchanged", "s1 deleted", "s2 deleted"]


async def test_body_and_query_say_the_same_or_one_of_them_nothing(
    admin: httpx.AsyncClient,
) -> None:
    prune = {"label_selector": "app=blog", "kinds": ["Segment", "Port"]}
    shop, ports = "prune_selector=app%3Dshop", "prune_kind=Port&prune_kind=Segment"
    for query, body, pointer in (
        (shop, {"prune": prune}, "/prune"),
        ("prune_selector=app%3Dblog", {"prune": prune}, "/prune"),
        ("confirm_count=3", {"confirm_count": 2}, "/confirm_count"),
    ):
        answer = await admin.post(f"/v1/apply?{query}", json={"objects": [], **body})
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["code"]) == (422, "contradictory")
        assert error["pointer"] == pointer
    same = f"prune_selector=app%3Dblog&{ports}&confirm_count=2"
    both = {"objects": [], "prune": prune, "confirm_count": 2}
    done = await admin.post(f"/v1/apply?{same}", json=both)
    assert told(done) == ["blog deleted", "b1 deleted"]


async def test_pruning_without_a_selector_is_refused(admin: httpx.AsyncClient) -> None:
    for selector in ("", "  ", "a b", "=x", "app!=blog", "!tier,app notin (blog)"):
        answer = await apply(admin, [], prune={"label_selector": selector})
        assert answer.status_code == 422
    assert len(await names(admin, "ports")) == 3


async def test_kinds_in_the_query_are_bounded_and_nothing_without_a_selector(
    admin: httpx.AsyncClient,
) -> None:
    many = "&".join(["prune_selector=app%3Dshop", *["prune_kind=Port"] * 65])
    for query in (many, "prune_kind=Port"):
        answer = await admin.post(f"/v1/apply?{query}", json={"objects": []})
        assert answer.status_code == 422, answer.text
    assert len(await names(admin, "ports")) == 3


async def test_what_the_rest_needs_is_not_pruned(api: Api, admin: httpx.AsyncClient) -> None:
    before = api.head()
    prune = {"label_selector": "app=shop", "kinds": ["Segment"]}
    answer = await apply(admin, [], prune=prune)
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["pointer"] == "/prune"
    assert api.head() == before


async def test_pruning_reaches_no_further_than_the_caller(
    api: Api, admin: httpx.AsyncClient
) -> None:
    api.add_projects("red")
    await apply(admin, [named("Segment", "mine", "shop", "red"), named("Host", "h2", "shop")])
    prune = {"label_selector": "app=shop"}
    async with api.client(api.token(Role.PROJECT_ADMIN, "red")) as other:
        refused = await apply(other, [], prune={**prune, "kinds": ["Segment", "Host"]})
        assert refused.status_code == 403
        assert told(await apply(other, [], prune=prune)) == ["mine deleted"]
    async with api.client(api.token(Role.VIEWER)) as viewer:
        assert (await apply(viewer, [], prune=prune)).status_code == 403
    assert await names(admin, "segments") == ["blog", "shop"]
    assert await names(admin, "hosts") == ["h1", "h2"]


async def test_a_large_deletion_is_asked_for_its_number(api: Api, admin: httpx.AsyncClient) -> None:
    many = [port(f"p{n}", "many", "blog") for n in range(11)]
    few = many[:10]
    await apply(admin, many)
    head = api.head()
    refused = await admin.post("/v1/delete", json={"objects": many})
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["code"] == "confirmation_needed"
    assert (problem["confirm_count"], problem["deletes"]) == (11, {"Port": 11})
    assert "confirm_count 11" in problem["detail"]
    wrong = await admin.post("/v1/delete", json={"objects": many, "confirm_count": 10})
    assert wrong.json()["confirm_count"] == 11
    dry = await admin.post("/v1/delete", json={"objects": many, "dry_run": True})
    assert {each["action"] for each in dry.json()["results"]} == {"deleted"}
    pruning = await apply(admin, [], prune={"label_selector": "app=many"}, confirm_count=9)
    assert pruning.json()["confirm_count"] == 11
    assert api.head() == head
    confirmed = await apply(admin, [], prune={"label_selector": "app=many"}, confirm_count=11)
    assert confirmed.status_code == 200
    await apply(admin, few)
    assert (await admin.post("/v1/delete", json={"objects": few})).status_code == 200


async def test_pruning_costs_the_same_queries_however_much_goes(
    api: Api, admin: httpx.AsyncClient
) -> None:
    counts = []
    for number in (1, 200):
        many = [port(f"p{n}", "many", "blog") for n in range(number)]
        assert (await apply(admin, many)).status_code == 200
        statements: list[str] = []

        def note(*given: Any, into: list[str] = statements) -> None:
            into.append(given[2])

        event.listen(Engine, "before_cursor_execute", note)
        try:
            prune = {"label_selector": "app=many"}
            answer = await apply(admin, [], prune=prune, confirm_count=number)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert answer.status_code == 200, answer.text
        counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_nothing_is_overwritten_or_deleted_that_was_changed_after_it_was_seen(
    admin: httpx.AsyncClient,
) -> None:
    seen = {"seen_revision": 1}
    await apply(admin, [named("Segment", "shop", "other")])
    for path, body in (
        ("apply", {"objects": SHOP}),
        ("apply", {"objects": [], "prune": {"label_selector": "app in (shop,other)"}}),
        ("delete", {"objects": SHOP}),
    ):
        answer = await admin.post(f"/v1/{path}", json=body, params=seen)
        assert (answer.status_code, answer.json()["code"]) == (412, "stale")
        (fault,) = answer.json()["errors"]
        assert "'shop' was changed in revision 2" in fault["detail"]
    unharmed = await admin.post("/v1/delete", json={"objects": BLOG}, params=seen)
    assert told(unharmed) == ["blog deleted", "b1 deleted"]


async def test_what_was_deleted_after_it_was_seen_is_not_made_again(
    admin: httpx.AsyncClient,
) -> None:
    await admin.post("/v1/delete", json={"objects": SHOP})
    before = await admin.post("/v1/apply", json={"objects": SHOP}, params={"seen_revision": 1})
    assert (before.status_code, before.json()["code"]) == (412, "stale")
    said = [fault["detail"] for fault in before.json()["errors"]]
    assert len(said) == len(SHOP)
    assert "'shop' was deleted in revision 2" in said[0]
    # What never was, and what somebody knows to be gone, is.
    new = await admin.post(
        "/v1/apply", json={"objects": [named("Segment", "new")]}, params={"seen_revision": 1}
    )
    again = await admin.post("/v1/apply", json={"objects": SHOP}, params={"seen_revision": 3})
    assert (new.status_code, again.status_code) == (200, 200)
