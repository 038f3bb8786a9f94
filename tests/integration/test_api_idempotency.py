"""Requests with an Idempotency-Key happen once, however often they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from controller.auth import Role
from controller.config import Settings
from controller.jobs.app import FORGET_REQUESTS, make_app
from controller.jobs.tasks import register
from controller.store.fleet import lock_revision
from tests.support.api import Api
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

HOST: dict[str, Any] = {"metadata": {"name": "h1"}, "spec": {"vteps": ["192.0.2.1"]}}
KEY = {"Idempotency-Key": "6a1f"}


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.admin as client:
        yield client


def kept(api: Api) -> int:
    with psycopg.connect(api.db.url) as connection:
        row = connection.execute("SELECT count(*) FROM request").fetchone()
    assert row is not None
    return int(row[0])


def told(answer: httpx.Response) -> tuple[Any, ...]:
    headers = (answer.headers.get(name) for name in ("etag", "location", "content-type"))
    return (answer.status_code, *headers, answer.content)


async def test_a_request_sent_again_is_answered_as_it_was_and_done_once(
    api: Api, admin: httpx.AsyncClient
) -> None:
    first = await admin.post("/v1/hosts", json=HOST, headers=KEY)
    head = api.head()
    again = await admin.post("/v1/hosts", json=HOST, headers=KEY)
    assert first.status_code == 201
    assert told(again) == told(first)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert api.head() == head


async def test_every_way_to_write_can_be_repeated_after_what_it_did(
    api: Api, admin: httpx.AsyncClient
) -> None:
    """A repeated PUT or PATCH no longer matches, and a repeated DELETE no longer finds."""
    path, manifest = "/v1/hosts/h1", {"kind": "Host", **HOST}
    patch = {"Content-Type": "application/merge-patch+json"}
    writes: list[tuple[str, str, Any, dict[str, str]]] = [
        ("POST", "/v1/apply", {"objects": [manifest]}, {}),
        ("PUT", path, {**HOST, "spec": {"underlay_mtu": 9000}}, {"If-Match": "etag"}),
        ("PATCH", path, {"spec": {"underlay_mtu": 1400}}, {"If-Match": "etag", **patch}),
        ("DELETE", path, None, {"If-Match": "etag"}),
        ("PUT", path, HOST, {"If-None-Match": "*"}),
        ("POST", "/v1/delete", {"objects": [manifest]}, {}),
    ]
    for number, (method, target, body, headers) in enumerate(writes):
        if "If-Match" in headers:
            headers["If-Match"] = (await admin.get(path)).headers["etag"]
        headers["Idempotency-Key"] = f"write {number}"
        first = await admin.request(method, target, json=body, headers=headers)
        head = api.head()
        again = await admin.request(method, target, json=body, headers=headers)
        assert first.is_success, first.text
        assert told(again) == told(first)
        assert (again.headers["idempotent-replayed"], api.head()) == ("true", head)
    assert kept(api) == len(writes)


async def test_a_key_cannot_be_used_for_another_request(api: Api, admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/hosts", json=HOST, headers=KEY)
    head = api.head()
    others: list[tuple[str, str, Any]] = [
        ("POST", "/v1/hosts", {"metadata": {"name": "h2"}}),
        ("POST", "/v1/hosts?really=1", HOST),
        ("POST", "/v1/segments", {"metadata": {"name": "h1"}}),
        ("PUT", "/v1/hosts/h1", HOST),
    ]
    for method, path, body in others:
        answer = await admin.request(method, path, json=body, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert api.head() == head


async def test_what_answers_with_secrets_takes_no_key(api: Api, admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/hosts", json=HOST)
    hook = {"name": "ops", "url": "https://receiver.example/", "events": ["host.silent"]}
    writes: list[tuple[str, str, Any]] = [
        ("POST", "/v1/webhooks", hook),
        ("PUT", "/v1/webhooks/ops", hook),
        ("DELETE", "/v1/webhooks/ops", None),
        ("POST", "/v1/webhooks/ops/test", None),
        ("POST", "/v1/hosts/h1/join-tokens", None),
    ]
    for method, path, body in writes:
        answer = await admin.request(method, path, json=body, headers=KEY)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["code"] == "idempotency_key_not_taken"
    assert (await admin.get("/v1/webhooks")).json()["items"] == []
    async with api.client() as stranger:
        assert (await stranger.post("/v1/webhooks", headers=KEY)).status_code == 401


async def test_two_callers_may_choose_the_same_key(api: Api, admin: httpx.AsyncClient) -> None:
    body = {"metadata": {"name": "blue"}}
    assert (await admin.post("/v1/segments", json=body, headers=KEY)).status_code == 201
    async with api.client(api.token(Role.PROJECT_ADMIN, "default")) as other:
        assert (await other.post("/v1/segments", json=body, headers=KEY)).status_code == 409


async def test_what_failed_may_be_tried_again_under_its_key(
    api: Api, admin: httpx.AsyncClient
) -> None:
    bridge = {"metadata": {"name": "br1"}, "spec": {"host": "h1", "interface": "br1"}}
    assert (await admin.post("/v1/bridges", json=bridge, headers=KEY)).status_code == 422
    assert kept(api) == 0
    await admin.post("/v1/hosts", json=HOST)
    assert (await admin.post("/v1/bridges", json=bridge, headers=KEY)).status_code == 201


async def test_a_dry_run_is_not_kept(api: Api, admin: httpx.AsyncClient) -> None:
    body = {"objects": [{"kind": "Host", **HOST}]}
    dry = await admin.post("/v1/apply?dry_run=true", json=body, headers=KEY)
    assert (dry.status_code, kept(api)) == (200, 0)
    done = await admin.post("/v1/apply", json=body, headers=KEY)
    assert done.json()["revision"] == api.head()


async def test_a_request_that_still_runs_is_not_started_again(
    api: Api, admin: httpx.AsyncClient
) -> None:
    with api.db.transaction() as tx:
        lock_revision(tx)
        running = asyncio.create_task(admin.post("/v1/hosts", json=HOST, headers=KEY))
        waits = partial(_waits_for_the_lock, api)
        await asyncio.to_thread(eventually, waits, within=60, what="the request waits")
        meanwhile = await admin.post("/v1/hosts", json=HOST, headers=KEY)
    assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "request_in_progress")
    assert int(meanwhile.headers["retry-after"]) > 0
    first = await running
    assert told(await admin.post("/v1/hosts", json=HOST, headers=KEY)) == told(first)
    assert first.status_code == 201


def _waits_for_the_lock(api: Api) -> bool:
    query = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE '%%FOR UPDATE%%'"
    )
    with psycopg.connect(api.db.url) as connection:
        return connection.execute(query).fetchone() is not None


async def test_a_key_that_is_none_is_refused_by_the_name_of_its_header(
    api: Api, admin: httpx.AsyncClient
) -> None:
    for key in ("", "k" * 256, "schl\u00fcssel", "a\tb"):
        headers = [(b"Idempotency-Key", key.encode("latin-1"))]
        answer = await admin.post("/v1/hosts", json=HOST, headers=headers)
        assert answer.status_code == 422
        assert "idempotency-key" in answer.json()["errors"][0]["detail"].lower()
    assert (await admin.get("/v1/hosts/h1")).status_code == 404


async def test_an_answer_is_forgotten_by_a_periodic_task_after_a_day(
    api: Api, admin: httpx.AsyncClient, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    app = make_app(settings)
    register(app, api.db, settings)
    left = []
    for hours in (23, 25):
        key = {"Idempotency-Key": f"{hours} hours old"}
        assert (await admin.post("/v1/hosts", json=HOST, headers=key)).status_code == 201
        await admin.delete("/v1/hosts/h1", headers={"If-Match": "*"})
        _age(api, timedelta(hours=hours), key["Idempotency-Key"])
        app.tasks[app.conf.beat_schedule[FORGET_REQUESTS]["task"]]()
        left.append(kept(api))
    assert left == [1, 1]
    again = await admin.post("/v1/hosts", json=HOST, headers={"Idempotency-Key": "25 hours old"})
    assert (again.status_code, "idempotent-replayed" in again.headers) == (201, False)


def _age(api: Api, by: timedelta, key: str) -> None:
    with psycopg.connect(api.db.url) as connection:
        update = "UPDATE request SET answered_at = answered_at - %s WHERE key = %s"
        connection.execute(update, [by, key])
