"""The watch: what was missed, then what happens, over a real connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import httpx_sse
import psycopg
import pytest

from controller.api import feed
from controller.api.feed import Cursor, Event, Position, Watcher
from controller.auth import Role
from controller.domain.intent import Kind
from controller.services import changes, status
from controller.services.changes import LogEntry
from controller.services.status import HostReport, Outcome, SessionStart
from tests.support.api import Api, LiveServer

pytestmark = pytest.mark.integration

HOST = {"kind": "Host", "metadata": {"name": "h1"}, "spec": {"vteps": ["192.0.2.1"]}}


def segment(name: str, project: str = "default") -> dict[str, Any]:
    return {"kind": "Segment", "metadata": {"name": name, "project": project}}


@pytest.fixture
def client(api: Api, live: LiveServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {api.secret}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=60) as made:
        yield made


def apply(client: httpx.Client, *objects: dict[str, Any]) -> int:
    answer = client.post("/v1/apply", json={"objects": objects})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["revision"])


def connect(api: Api, client: httpx.Client) -> tuple[UUID, int]:
    host_uid = UUID(client.get("/v1/hosts/h1").json()["metadata"]["uid"])
    start = SessionStart(instance_nonce="n", agent_version="1")
    return host_uid, status.open_session(api.db, host_uid, start, now=datetime.now(UTC))


@contextmanager
def watching(
    client: httpx.Client, query: str = "", headers: dict[str, str] | None = None
) -> Iterator[Iterator[httpx_sse.ServerSentEvent]]:
    path = f"/v1/watch{query}"
    with httpx_sse.connect_sse(client, "GET", path, headers=headers or {}) as source:
        assert source.response.status_code == 200
        yield source.iter_sse()


def until(
    events: Iterator[httpx_sse.ServerSentEvent], name: str
) -> tuple[list[httpx_sse.ServerSentEvent], httpx_sse.ServerSentEvent]:
    """Everything up to the first event of this name, and that event."""
    before: list[httpx_sse.ServerSentEvent] = []
    for event in events:
        if event.event == name:
            return before, event
        before.append(event)
    raise AssertionError(f"the stream ended without {name}")


def test_a_fault_in_the_reader_does_not_make_a_watch_go_quiet(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    since, faults = changes.since, iter([ValueError("a fault of ours")])

    def faulty(*args: Any, **options: Any) -> tuple[LogEntry, ...]:
        if threading.current_thread().name == "watch-feed":
            for fault in faults:
                raise fault
        return since(*args, **options)

    monkeypatch.setattr(changes, "since", faulty)
    with watching(client) as events:
        until(events, "synced")
        apply(client, segment("blue"))
        _, event = until(events, "change")
        assert json.loads(event.data)["name"] == "blue"
    assert next(faults, None) is None


def test_a_watcher_first_gets_what_it_missed_then_synced_then_what_happens(
    client: httpx.Client,
) -> None:
    first = apply(client, HOST, segment("a"))
    second = apply(client, segment("b"))
    with watching(client, "?from_revision=0") as events:
        missed, synced = until(events, "synced")
        changes = [json.loads(event.data) for event in missed if event.event == "change"]
        assert [(each["revision"], each["kind"], each["name"]) for each in changes] == [
            (first, "Host", "h1"),
            (first, "Segment", "a"),
            (second, "Segment", "b"),
        ]
        assert {each["action"] for each in changes} == {"created"}
        assert all(UUID(each["uid"]) for each in changes)
        assert json.loads(synced.data) == {"revision": second}
        third = apply(client, segment("c"))
        _, live = until(events, "change")
        assert json.loads(live.data)["name"] == "c"
        assert json.loads(live.data)["revision"] == third
        assert live.id.startswith(f"{third}-")


def test_without_a_revision_a_watcher_begins_now(client: httpx.Client) -> None:
    revision = apply(client, HOST)
    with watching(client) as events:
        missed, synced = until(events, "synced")
        assert [event.event for event in missed] in ([], ["status"])
        assert json.loads(synced.data) == {"revision": revision}


def test_resuming_after_any_event_misses_nothing(client: httpx.Client) -> None:
    apply(client, HOST, segment("a"), segment("b"))
    apply(client, segment("c"))
    with watching(client, "?from_revision=0") as events:
        missed, _ = until(events, "synced")
    everything = [event.data for event in missed if event.event == "change"]
    for position, event in enumerate(missed):
        if event.event != "change":
            continue
        with watching(client, headers={"Last-Event-ID": event.id}) as events:
            rest, _ = until(events, "synced")
        again = [each.data for each in rest if each.event == "change"]
        # A watcher that left in the middle of a revision gets that revision again.
        assert set(everything[position + 1 :]) <= set(again)
        assert again == everything[len(everything) - len(again) :]


def test_a_revision_from_the_future_counts_as_now(client: httpx.Client) -> None:
    revision = apply(client, HOST)
    with watching(client, headers={"Last-Event-ID": "999999-0"}) as events:
        _, synced = until(events, "synced")
        assert json.loads(synced.data) == {"revision": revision}


@pytest.mark.parametrize("event_id", ["x", "1", "1-", "-1-1", "1-1-1", "9" * 30 + "-1"])
def test_an_id_that_is_none_of_ours_is_refused_before_the_stream_begins(
    client: httpx.Client, event_id: str
) -> None:
    answer = client.get("/v1/watch", headers={"Last-Event-ID": event_id})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Last-Event-ID" in answer.json()["detail"]


def test_a_change_of_status_arrives_without_a_change_of_intent(
    api: Api, client: httpx.Client
) -> None:
    revision = apply(client, HOST)
    with watching(client) as events:
        until(events, "synced")
        host_uid, epoch = connect(api, client)
        report = HostReport(revision, revision, b"hash", Outcome.APPLIED)
        assert status.record(api.db, host_uid, epoch, report, now=datetime.now(UTC))
        while True:
            _, event = until(events, "status")
            seen = json.loads(event.data)
            if seen["applied_revision"] == revision:
                break
    assert seen == {
        "host": "h1",
        "host_uid": str(host_uid),
        "phase": "Ready",
        "connected": True,
        "applied_revision": revision,
        "observed_revision": revision,
        "outcome": "applied",
        "failures": 0,
    }


def test_hosts_that_only_move_on_are_told_together_to_whoever_asks_for_news(
    api: Api, client: httpx.Client
) -> None:
    hosts = [{**HOST, "metadata": {"name": f"h{i}"}, "spec": {}} for i in range(3)]
    first, now = apply(client, *hosts), datetime.now(UTC)
    uids = [UUID(each["metadata"]["uid"]) for each in client.get("/v1/hosts").json()["items"]]
    start = SessionStart("n", "1", applied_revision=first, applied_hash=b"hash")
    for uid in uids:
        status.open_session(api.db, uid, start, now=now)
    with watching(client) as each_alone, watching(client, "?statuses=news") as news:
        known, _ = until(each_alone, "synced")
        assert len(known) == len(uids)
        assert until(news, "synced")[0] == []
        revision = apply(client, segment("a"))
        status.advance(api.db, dict.fromkeys(uids, b"hash"), revision, now=now)
        _, told = until(news, "advanced")
        assert json.loads(told.data) == {"hosts": len(uids), "applied_revision": revision}
        alone = [until(each_alone, "status")[1] for _ in uids]
        assert {json.loads(each.data)["host"] for each in alone} == {"h0", "h1", "h2"}
        # Whoever leaves between them is told of all of them again.
        assert len({each.id for each in alone[:-1]}) == 1
        assert alone[-1].id == told.id
    with watching(client, headers={"Last-Event-ID": alone[0].id}) as again:
        missed, _ = until(again, "synced")
        assert len(missed) == len(uids)


def test_a_watcher_sees_only_its_own_projects(
    api: Api, live: LiveServer, client: httpx.Client
) -> None:
    api.add_projects("blue", "red")
    headers = {"Authorization": f"Bearer {api.token(Role.VIEWER, 'blue')}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=60) as viewer:
        apply(client, HOST, segment("a", "red"), segment("b", "blue"))
        connect(api, client)
        with watching(viewer, "?from_revision=0") as events:
            missed, _ = until(events, "synced")
            (told,) = (json.loads(event.data) for event in missed if event.event == "status")
            assert (told["host"], told["failures"]) == ("h1", None)
            seen = [json.loads(event.data) for event in missed if event.event == "change"]
            assert [each["name"] for each in seen] == ["h1", "b"]
            apply(client, segment("c", "red"), segment("d", "blue"))
            _, event = until(events, "change")
            assert json.loads(event.data)["name"] == "d"


def test_who_is_limited_to_projects_hears_of_nothing_that_watches_traffic(
    api: Api, client: httpx.Client, live: LiveServer
) -> None:
    bridge = {"host": "h1", "interface": "br-x"}
    away = {"type": "gre", "remote_ip": "198.51.100.1"}
    copying = {"host": "h1", "bridge": "b", "select_all": True, "tunnel": away}
    sampling = {"protocol": "sflow", "targets": ["198.51.100.2:6343"]}
    apply(
        client,
        HOST,
        {"kind": "Bridge", "metadata": {"name": "b"}, "spec": bridge},
        {"kind": "Mirror", "metadata": {"name": "m"}, "spec": copying},
        {"kind": "FlowExport", "metadata": {"name": "e"}, "spec": sampling},
    )
    headers = {"Authorization": f"Bearer {api.token(Role.NETWORK_ADMIN, 'default')}"}
    heard = []
    for asks_as in ({}, headers):
        with watching(client, "?from_revision=0", asks_as) as events:
            missed, _ = until(events, "synced")
        heard.append({json.loads(event.data)["kind"] for event in missed})
    assert heard == [{"Host", "Bridge", "Mirror", "FlowExport"}, {"Host", "Bridge"}]


def test_a_stream_ends_soon_after_its_token_was_revoked(api: Api, live: LiveServer) -> None:
    headers = {"Authorization": f"Bearer {api.token(Role.VIEWER)}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=60) as viewer:
        with watching(viewer) as events:
            until(events, "synced")
            with psycopg.connect(api.db.url, autocommit=True) as connection:
                connection.execute("DELETE FROM api_token WHERE name LIKE 'viewer%'")
            assert [event.event for event in events if event.event != "status"] == []
        assert viewer.get("/v1/hosts").status_code == 401


def test_all_watchers_share_one_reader_and_it_stops_with_the_last(
    live: LiveServer, client: httpx.Client
) -> None:
    shared = live.app.state.feed
    with watching(client) as one, watching(client) as two:
        until(one, "synced")
        until(two, "synced")
        assert len(shared._watchers) == 2
        reader = shared._reader
        assert reader.is_alive()
    reader.join(timeout=60)
    assert not reader.is_alive()
    assert shared._reader is None


def test_a_server_that_shuts_down_does_not_wait_for_watchers(
    live: LiveServer, client: httpx.Client
) -> None:
    with watching(client) as events:
        until(events, "synced")
        live.stop()
        assert [event for event in events if event.event == "change"] == []


async def test_a_watcher_that_falls_behind_is_closed_and_keeps_nothing() -> None:
    entry = LogEntry(1, 1, Kind.HOST, UUID(int=1), "default", "h1", "created")
    event = Event(entry, Position(1, 1))
    watcher = Watcher()
    for _ in range(feed.QUEUE_LENGTH):
        watcher.offer(event)
    assert not watcher.closed
    watcher.offer(event)
    assert watcher.closed
    assert await watcher.next(1) is None


async def test_a_revision_larger_than_one_read_is_resumable_only_once_it_was_sent_whole(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api.admin as client:
        objects = [segment(f"s{i}") for i in range(5)]
        revision = (await client.post("/v1/apply", json={"objects": objects})).json()["revision"]
        last = (await client.post("/v1/apply", json={"objects": [HOST]})).json()["revision"]
    monkeypatch.setattr(feed, "READ_LIMIT", 2)
    cursor = Cursor(api.db, 0, 0)
    seen: list[tuple[str, int]] = []
    while events := cursor.read_changes():
        seen += [
            (event.item.name, event.position.revision)
            for event in events
            if isinstance(event.item, LogEntry)
        ]
    assert [name for name, _ in seen] == ["s0", "s1", "s2", "s3", "s4", "h1"]
    assert [position for _, position in seen][:4] == [revision - 1] * 4
    assert seen[4][1] == revision
    assert seen[5][1] in {last - 1, last}
