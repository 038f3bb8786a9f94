"""What webhooks are told, and how it gets there: a real database and a real receiver."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from controller.domain.intent import BridgeSpec, Kind, Manifest, Ref
from controller.domain.webhook_signing import ATTEMPTS
from controller.domain.webhooks import SUBSCRIBABLE, Event
from controller.jobs.webhook_sender import Sender
from controller.jobs.webhooks import attempt
from controller.services import (
    bindings,
    queries,
    status,
    webhook_deliveries,
    webhook_events,
    webhooks,
)
from controller.services.status import ReportedFailure
from controller.store.engine import Database
from tests.support.api import Api, LiveServer
from tests.support.background import Bench
from tests.support.guests import Hypervisor, bound
from tests.support.manifests import ADMIN, apply, host, port, remove, segment
from tests.support.receiver import OK, Answer, Received, receiver
from tests.support.telling_fleet import TellingFleet
from tests.support.waiting import eventually
from tests.support.watchers import group

pytestmark = pytest.mark.integration

NEVER = timedelta(days=1)
INTENT = (Event.CREATED, Event.UPDATED, Event.DELETED)


@pytest.fixture
def fleet(db: Database) -> Iterator[TellingFleet]:
    with receiver() as to:
        yield TellingFleet(db, to)


def changed(manifest: Manifest, **labels: str) -> Manifest:
    return Manifest(manifest.ref, manifest.spec, labels=labels)


def test_changes_arrive_in_order_signed_and_with_what_changed(fleet: TellingFleet) -> None:
    apply(fleet.db, host(9))
    hook = fleet.hook(*INTENT)
    apply(fleet.db, host(1), segment("red"))
    apply(fleet.db, changed(segment("red"), tier="gold"))
    remove(fleet.db, segment("red"))
    assert sorted(fleet.tell(hook)[:2]) == [("object.created", "h1"), ("object.created", "red")]
    assert fleet.to.events[2:] == [("object.updated", "red"), ("object.deleted", "red")]
    assert [each.state for each in fleet.history(hook)] == ["delivered"] * 4
    last = fleet.to.received[-1]
    assert last.document.keys() == {"id", "type", "occurred_at", "revision", "object"}
    assert last.document["id"] == last.id == str(fleet.history(hook)[0].id)
    assert last.document["revision"] == 4
    assert last.headers["webhook-signature"] == signature(fleet.secret, last)
    assert fleet.tell(hook) == []


def signature(secret: str, message: Received) -> str:
    """As the specification of Standard Webhooks has it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    timestamp = message.headers["webhook-timestamp"]
    assert abs(datetime.now(UTC).timestamp() - int(timestamp)) < 60
    signed = f"{message.id}.{timestamp}.".encode() + message.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_a_webhook_is_told_only_what_it_asks_for(fleet: TellingFleet) -> None:
    gold = fleet.hook(*INTENT, name="gold", label_selector="tier=gold")
    gone = fleet.hook(Event.DELETED, name="gone")
    hosts = fleet.hook(*INTENT, name="hosts", kinds=frozenset({Kind.HOST}), project="default")
    apply(fleet.db, changed(segment("red"), tier="gold"), segment("blue"), host(1))
    remove(fleet.db, segment("red"), segment("blue"))
    assert fleet.tell(gold) == [("object.created", "red"), ("object.deleted", "red")]
    assert sorted(fleet.tell(gone)) == [("object.deleted", "blue"), ("object.deleted", "red")]
    assert fleet.tell(hosts) == [("object.created", "h1")]


def test_statuses_are_told_when_they_change_and_once(fleet: TellingFleet) -> None:
    first = fleet.enrolled(host(1))
    first.report(1)
    hook = fleet.hook(*(event for event in SUBSCRIBABLE if event not in INTENT))
    # How the fleet was before is no news.
    assert fleet.tell(hook) == []
    revision = apply(fleet.db, segment("red"), port("p1", "h1", segment="red")).revision
    assert fleet.tell(hook) == []
    uid = queries.get(fleet.db, ADMIN, Kind.PORT, "default", "p1").object.uid
    failure = ReportedFailure(f"port:{uid}", "transient", "NamespaceMissing", "no netns web")
    first.report(revision, [failure])
    assert sorted(fleet.tell(hook)) == [
        ("object.degraded", "h1"),
        ("object.failed", "p1"),
        ("object.realized", "red"),
    ]
    failed = next(each for each in fleet.to.received if each.event[0] == "object.failed")
    told = {name: failed.document[name] for name in ("phase", "reason", "message", "revision")}
    assert told == {
        "phase": "Failed",
        "reason": "NamespaceMissing",
        "message": "no netns web",
        "revision": revision,
    }
    first.report(revision, [failure])
    assert fleet.tell(hook) == []
    first.report(revision)
    assert sorted(fleet.tell(hook)) == [("object.realized", "h1"), ("object.realized", "p1")]
    later = datetime.now(UTC) + NEVER
    status.sweep_liveness(fleet.db, now=later, silence=timedelta(seconds=3))
    assert fleet.tell(hook) == [("host.silent", "h1")]
    first.report(revision)
    assert fleet.tell(hook) == [("host.connected", "h1")]


def test_a_bridge_of_a_group_is_told_of_as_hosts_of_the_group_report_and_leave(
    fleet: TellingFleet,
) -> None:
    first, second = (fleet.enrolled(changed(host(n), role="edge")) for n in (1, 2))
    hook = fleet.hook(Event.REALIZED, Event.DEGRADED, Event.FAILED, kinds=frozenset({Kind.BRIDGE}))
    lan = Manifest(Ref(Kind.BRIDGE, "default", "lan"), BridgeSpec(None, "lan", host_group="edge"))
    revision = apply(fleet.db, group("edge", "role=edge"), lan).revision
    first.report(revision)
    assert fleet.tell(hook) == []
    uid = queries.get(fleet.db, ADMIN, Kind.BRIDGE, "default", "lan").object.uid
    second.report(revision, [ReportedFailure(f"bridge:{uid}", "conflict", "Taken", "taken")])
    assert fleet.tell(hook) == [("object.degraded", "lan")]
    apply(fleet.db, host(2))
    assert fleet.tell(hook) == [("object.realized", "lan")]
    # It was said to be fine, and no failure names it.
    first.report(revision, [ReportedFailure("host", "transient", "OvsdbDown", "no switch")])
    assert fleet.tell(hook) == [("object.failed", "lan")]
    apply(fleet.db, group("edge", "role=none"))
    assert fleet.tell(hook) == [("object.realized", "lan")]


def test_a_binding_that_is_refused_is_told_and_that_it_is_not_any_more(fleet: TellingFleet) -> None:
    apply(fleet.db, host(1, vteps=()), segment("red"), bound("vm"))
    h1 = Hypervisor(fleet.db, 1)
    hook = fleet.hook(Event.FAILED, Event.REALIZED)
    fleet.tell(hook)
    fleet.tell(hook)
    h1.plug("if-vm")
    assert ("object.failed", "vm") in fleet.tell(hook)
    assert fleet.tell(hook) == []
    apply(fleet.db, host(1))
    bindings.catch_up(fleet.db)
    h1.apply()
    assert ("object.realized", "vm") in fleet.tell(hook)


def test_those_that_look_at_once_store_everything_once_and_changes_before_their_outcome(
    fleet: TellingFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_events, "_READ_LIMIT", 7)
    hook = fleet.hook(Event.CREATED, Event.REALIZED)
    # It is newer than the webhook, so how it was at the first look is news.
    apply(fleet.db, *(segment(f"s{i}") for i in range(20)))
    with ThreadPoolExecutor(4) as pool:
        stored = list(pool.map(lambda _: fleet.fan_out(), range(8)))
    assert sum(stored) == 40
    told = [(each.event, json.loads(each.body)["object"]["name"]) for each in fleet.history(hook)]
    names = {f"s{i}" for i in range(20)}
    assert set(told[:20]) == {("object.realized", name) for name in names}
    assert set(told[20:]) == {("object.created", name) for name in names}


def test_a_failed_message_is_sent_again_with_its_id_and_keeps_later_ones_of_its_object_back(
    fleet: TellingFleet,
) -> None:
    hook = fleet.hook(*INTENT)
    apply(fleet.db, segment("red"))
    apply(fleet.db, changed(segment("red"), tier="gold"), segment("blue"))
    fleet.to.answer = refuse("red", 500)
    assert fleet.tell(hook) == [("object.created", "red"), ("object.created", "blue")]
    waiting = fleet.history(hook)[-1]
    assert (waiting.state, waiting.attempt, waiting.status_code) == ("waiting", 1, 500)
    assert waiting.error == "the receiver answered 500: not now"
    pause = waiting.next_at - datetime.now(UTC)
    assert timedelta() < pause < timedelta(seconds=7)
    fleet.to.answer = lambda _: OK
    with Sender(allow_loopback=True) as sender:
        for _ in range(2):
            attempt(fleet.db, sender, fleet.take(hook, later=timedelta(minutes=1)))
    again = fleet.to.received[2]
    assert again.id == fleet.to.received[0].id
    assert again.body == fleet.to.received[0].body
    assert fleet.to.events[2:] == [("object.created", "red"), ("object.updated", "red")]
    assert {each.state for each in fleet.history(hook)} == {"delivered"}


def refuse(name: str, code: int) -> Callable[[Received], Answer]:
    return lambda received: (code, {}, b"not\n now") if received.event[1] == name else OK


def test_after_the_last_attempt_a_message_is_given_up_and_the_next_has_its_turn(
    fleet: TellingFleet,
) -> None:
    hook = fleet.hook(*INTENT)
    apply(fleet.db, segment("red"))
    remove(fleet.db, segment("red"))
    fleet.to.answer = lambda _: (503, {}, b"")
    fleet.fan_out()
    with Sender(allow_loopback=True) as sender:
        for _ in range(ATTEMPTS + 1):
            attempt(fleet.db, sender, fleet.take(hook, later=NEVER))
    deleted, created = fleet.history(hook)
    assert (created.state, created.attempt) == ("failed", ATTEMPTS)
    assert (deleted.state, deleted.attempt) == ("waiting", 1)
    assert len({each.id for each in fleet.to.received}) == 2
    seen = webhooks.get(fleet.db, ADMIN, "ops")
    assert (seen.unfinished, seen.failed) == (1, 1)


def test_a_receiver_that_cannot_be_reached_was_tried_for_all_that_waited_and_all_is_given_up(
    fleet: TellingFleet,
) -> None:
    hook = fleet.hook(*INTENT)
    apply(fleet.db, segment("red"), segment("blue"), segment("green"))
    remove(fleet.db, segment("red"))
    fleet.fan_out()
    now = datetime.now(UTC)
    nobody = webhook_deliveries.Outcome(error="cannot connect", unreachable=True)
    for made in range(1, ATTEMPTS + 1):
        message = fleet.take(hook, later=now - datetime.now(UTC))
        assert webhook_deliveries.record(fleet.db, message, nobody, jitter=0, now=now)
        assert {each.attempt for each in fleet.history(hook)} == {made}
        now = max(each.next_at for each in fleet.history(hook))
    assert {(each.state, each.error) for each in fleet.history(hook)} == {
        ("failed", "cannot connect")
    }
    assert now - datetime.now(UTC) < timedelta(hours=1)
    assert webhooks.get(fleet.db, ADMIN, "ops").unfinished == 0


def test_what_is_too_old_or_too_many_is_given_up_and_says_so(fleet: TellingFleet) -> None:
    hook = fleet.hook(Event.CREATED)
    apply(fleet.db, *(segment(f"s{i}") for i in range(4)))
    fleet.fan_out()
    under_way, now = fleet.take(hook), datetime.now(UTC)
    day = timedelta(days=1)
    assert webhook_deliveries.give_up(fleet.db, now=now, max_age=day, most=2) == 1
    kept, other, oldest, sent = fleet.history(hook)
    assert (oldest.state, oldest.error) == ("failed", "given up: more than 2 newer messages waited")
    assert (sent.id, sent.state) == (under_way.id, "sending")
    assert [kept.state, other.state] == ["waiting"] * 2
    assert webhook_deliveries.give_up(fleet.db, now=now + 2 * day, max_age=day, most=2) == 3
    assert fleet.history(hook)[0].error == "given up: it had waited for too long"


def test_a_receiver_that_hangs_delays_its_own_webhook_only(fleet: TellingFleet) -> None:
    held, reached = threading.Event(), threading.Event()

    def hang(received: Received) -> Answer:
        reached.set()
        assert held.wait(60)
        return OK

    fleet.to.answer = hang
    with receiver() as quick, ThreadPoolExecutor(1) as pool:
        slow_hook, quick_hook = fleet.hook(*INTENT), fleet.hook(*INTENT, name="q", url=quick.url)
        apply(fleet.db, segment("red"))
        fleet.fan_out()
        turn = pool.submit(fleet.lanes.deliver, slow_hook.uid)
        assert reached.wait(60)
        # Of one webhook one message is under way; and the other webhook does not notice.
        assert webhook_deliveries.due(fleet.db, now=datetime.now(UTC)) == (quick_hook.uid,)
        fleet.lanes.deliver(slow_hook.uid)
        fleet.lanes.deliver(quick_hook.uid)
        assert (quick.events, len(fleet.to.received)) == ([("object.created", "red")], 1)
        held.set()
        turn.result(60)
    assert [each.state for each in fleet.history(slow_hook)] == ["delivered"]


def test_an_attempt_that_outlived_its_time_does_not_count(fleet: TellingFleet) -> None:
    hook = fleet.hook(*INTENT)
    apply(fleet.db, segment("red"))
    fleet.fan_out()
    late = fleet.take(hook)
    again = fleet.take(hook, later=timedelta(seconds=2))
    failed = webhook_deliveries.Outcome(500, "late")
    now = datetime.now(UTC)
    assert again.id == late.id
    assert not webhook_deliveries.record(fleet.db, late, failed, jitter=0, now=now)
    done = webhook_deliveries.Outcome(200)
    assert webhook_deliveries.record(fleet.db, again, done, jitter=0, now=now)
    assert [each.state for each in fleet.history(hook)] == ["delivered"]


@pytest.mark.timeout(400)
def test_a_message_whose_sender_was_killed_before_it_could_say_so_is_sent_again(
    fleet: TellingFleet, data_dir: Path
) -> None:
    data_dir.mkdir()
    bench = Bench(fleet.db, data_dir, webhook_allow_loopback=True)
    hook = fleet.hook(*INTENT)
    with psycopg.connect(fleet.db.url) as connection, bench.running("beat"):

        def take_row(_: Received) -> Answer:
            # Now the worker can get its answer, and cannot record it.
            connection.execute("SELECT FROM webhook_delivery FOR UPDATE")
            return OK

        fleet.to.answer = take_row
        with bench.running("worker") as processes:
            apply(fleet.db, segment("red"))
            bench.until(lambda: is_waited_for(fleet.db), "the worker at the row")
            processes["worker"].kill()
            processes["worker"].wait(60)
        fleet.to.answer = lambda _: OK
        # Time passes: whoever took it must have been killed.
        connection.execute("UPDATE webhook_delivery SET next_at = now()")
        connection.commit()
        (taken,) = fleet.history(hook)
        assert (taken.state, taken.attempt) == ("sending", 1)
        with bench.running("worker"):
            bench.until(lambda: fleet.history(hook)[0].state == "delivered", "delivered")
    assert [each.id for each in fleet.to.received] == [str(taken.id)] * 2
    assert fleet.history(hook)[0].attempt == 2


def is_waited_for(db: Database) -> bool:
    """Whether a lock of a row is waited for, in this database: others may share the server."""
    here = "datname = current_database() AND wait_event_type = 'Lock'"
    waiting = f"SELECT FROM pg_stat_activity WHERE {here} AND query LIKE '%webhook_delivery%'"
    with psycopg.connect(db.url) as connection:
        return connection.execute(waiting).fetchone() is not None


def test_the_command_line_makes_tries_and_shows_a_webhook(
    fleet: TellingFleet, api: Api, live: LiveServer
) -> None:
    hook = fleet.hook(Event.CREATED)
    fleet.to.answer = lambda _: (410, {}, b"moved out")
    environment = {**os.environ, "OVSFLEET_URL": live.url, "OVSFLEET_TOKEN": api.secret}

    def run(*words: str) -> str:
        command = [str(Path(sys.executable).with_name("ovsfleet")), "webhooks", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.stdout or done.stderr

    def deliver() -> None:
        due = lambda: webhook_deliveries.due(fleet.db, now=datetime.now(UTC))  # noqa: E731
        eventually(due, within=60, what="a message to send")
        fleet.lanes.deliver(hook.uid)

    assert run("create", "made", "https://receiver.example/", "-e", "host.silent")[:6] == "whsec_"
    with ThreadPoolExecutor(1) as pool:
        turn = pool.submit(deliver)
        assert "not delivered: the receiver answered 410: moved out" in run("test", "ops")
        turn.result(60)
    assert [line.split()[0] for line in run("list").splitlines()] == ["NAME", "made", "ops"]
    shown = run("deliveries", "ops").splitlines()[1].split(maxsplit=5)
    assert shown[1:5] == ["webhook.test", "-", "waiting", "1"]
    other = ("--url", "https://other.example/", "--kind", "port", "-l", "a=b")
    assert run("change", "made", *other) == "webhook/made changed\n"
    made = webhooks.get(fleet.db, ADMIN, "made")
    assert (made.url, made.label_selector) == ("https://other.example/", "a=b")
    assert (made.kinds, made.events) == ((Kind.PORT,), (Event.SILENT,))
    assert run("change", "made", "--kind", "", "-l", "") == "webhook/made changed\n"
    assert webhooks.get(fleet.db, ADMIN, "made").kinds is None
    assert run("delete", "made") == "webhook/made deleted\n"
