"""What waits in the recorder, and what reaches the store all the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import ParamSpec, TypeVar

import grpc
import pytest
from sqlalchemy import text

from controller.compiler import compile_host
from controller.compiler.state_features import STATE_FEATURES
from controller.domain.errors import UnavailableError
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.domain.inventory import ForeignBridge, ForeignInterface, ForeignPort, Inventory
from controller.services import desired, inventory, queries, status
from controller.services.status import HostReport, Outcome, SessionStart
from controller.southbound.identity import HostIdentity
from controller.southbound.recorder import Recorder
from controller.southbound.sessions import HostSession
from controller.southbound.threads import Threads
from controller.southbound.timing import utc_now
from controller.store.engine import Database
from tests.support.agent_end import eventually
from tests.support.manifests import ADMIN, apply, host, port, segment

pytestmark = pytest.mark.integration

P = ParamSpec("P")
T = TypeVar("T")


async def test_a_revision_that_comes_while_a_report_waits_is_not_lost(db: Database) -> None:
    first = apply(db, host(1), segment("red"), port("p1", "h1", segment="red"))
    session = await begin(db, "h1")
    uid, now = session.host_uid, datetime.now(UTC)
    threads = Threads(db)
    recorder = Recorder(threads, utc_now, beat_s=1.0)
    offered = offer(db, session)
    recorder.report(session, HostReport(first.revision, first.revision, offered, Outcome.APPLIED))
    second = apply(db, segment("blue"))
    assert offer(db, session) == offered
    # As the dispatcher does; the store does not know yet that the host has this state.
    assert status.advance(db, {uid: offered}, second.revision, now=now) == 0
    await recorder.flush()
    await threads.close(patience_s=5.0)
    shown = queries.get(db, ADMIN, Kind.HOST, DEFAULT_PROJECT, "h1").status
    assert shown.applied_revision == second.revision


async def test_every_inventory_is_written_though_a_few_at_a_time_and_none_is_lost_to_an_outage(
    db: Database,
) -> None:
    apply(db, *map(host, range(1, 6)))
    sessions = [await begin(db, f"h{number}") for number in range(1, 6)]
    threads = BrokenThreads(db, outages=2)
    recorder = Recorder(threads, utc_now, beat_s=0.01)
    for session in sessions:
        recorder.inventory(session, plugged("before"))
        recorder.inventory(session, plugged("vif-1"))
        recorder.capabilities(session, {"ovs_version": "3.1.0"})
    task = asyncio.create_task(recorder.run())
    everywhere = [f"h{number}" for number in range(1, 6)]
    await eventually(lambda: hosts_with(db, "vif-1") == everywhere, "every inventory")

    def all_told() -> bool:
        told = [inventory.read(db, ADMIN, name).capabilities for name in everywhere]
        return told == [{"ovs_version": "3.1.0"}] * 5

    await eventually(all_told, "all capabilities")
    task.cancel()
    await threads.close(patience_s=5.0)
    assert threads.outages == 0
    assert hosts_with(db, "before") == []


async def test_a_session_that_the_store_fenced_off_ends_with_its_inventory(db: Database) -> None:
    apply(db, host(1))
    older, newer = await begin(db, "h1"), await begin(db, "h1")
    threads = Threads(db)
    recorder = Recorder(threads, utc_now, beat_s=1.0)
    recorder.inventory(older, plugged("vif-1"))
    await recorder.flush()
    await threads.close(patience_s=5.0)
    assert older.ending.result().code is grpc.StatusCode.ABORTED
    assert not newer.ending.done()
    assert hosts_with(db, "vif-1") == []


async def test_no_heartbeat_waits_for_ports_that_follow_what_is_plugged(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(db, host(1))
    session = await begin(db, "h1")
    threads, held, released = Threads(db), threading.Event(), threading.Event()

    def waiting(*_: object, **__: object) -> bool:
        held.set()
        return released.wait(10.0)

    monkeypatch.setattr(inventory, "record", waiting)
    recorder = Recorder(threads, utc_now, beat_s=0.01)
    recorder.inventory(session, plugged("vif-1"))
    task = asyncio.create_task(recorder.run())
    await eventually(held.is_set, "the inventory")
    before = last_seen(db)
    recorder.heartbeat(session)
    try:
        await eventually(lambda: last_seen(db) > before, "the heartbeat")
    finally:
        released.set()
        task.cancel()
        await threads.close(patience_s=5.0)


def last_seen(db: Database) -> datetime:
    with db.snapshot() as tx:
        found: datetime = tx.execute(text("SELECT last_seen FROM host_status")).scalar_one()
    return found


class BrokenThreads(Threads):
    """The first calls find no database."""

    def __init__(self, db: Database, outages: int) -> None:
        super().__init__(db)
        self.outages = outages

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.outages:
            self.outages -= 1
            raise UnavailableError("the test took the database away")
        return await super().run(function, *args, **kwargs)


def plugged(iface_id: str) -> Inventory:
    port = ForeignPort("tap1", interfaces=(ForeignInterface("tap1", iface_id=iface_id),))
    return Inventory(bridges=(ForeignBridge("br-int", ports=(port,)),))


def hosts_with(db: Database, iface_id: str) -> list[str]:
    return [found.host for found in inventory.find_interfaces(db, iface_id)]


async def begin(db: Database, name: str) -> HostSession:
    uid = queries.get(db, ADMIN, Kind.HOST, DEFAULT_PROJECT, name).object.uid
    now = datetime.now(UTC)
    return HostSession(
        HostIdentity(uid, "ab", now + timedelta(days=1)),
        status.open_session(db, uid, SessionStart("n", "1"), now=now),
        accepted_revision=0,
        accepted_hash=b"",
        applied_revision=0,
        applied_hash=b"",
        fragments=(),
        features=STATE_FEATURES,
    )


def offer(db: Database, session: HostSession) -> bytes:
    intent = desired.load_host_intent(db, session.host_uid)
    compiled = compile_host(intent)
    session.offer(compiled, intent)
    return compiled.hash
