"""Many at once: writers, redeemers and workers on one database, and connections that are cut."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from controller.compiler import compile_host
from controller.domain.errors import UnauthenticatedError, UnavailableError
from controller.services import changes, desired, enrolment, jobs, queries
from controller.services.intent import ChangeResult
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, host, port, segment

pytestmark = pytest.mark.integration

_A = TypeVar("_A")
_T = TypeVar("_T")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at_once(call: Callable[[_A], _T], arguments: Iterable[_A]) -> list[_T | Exception]:
    """Make all calls at one moment, each in its own thread, and return what became of each."""
    items = list(arguments)
    barrier = threading.Barrier(len(items))

    def run(item: _A) -> _T | Exception:
        barrier.wait()
        try:
            return call(item)
        except Exception as error:  # noqa: BLE001 (it is what the test looks at)
            return error

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(run, items))


def test_sixteen_writers_on_one_empty_segment_leave_every_mesh_complete(db: Database) -> None:
    hosts = [host(number) for number in range(1, 17)]
    created = apply(db, *hosts, segment("red"))
    host_uids = [r.uid for r in created.results[:16] if r.uid is not None]

    results = at_once(lambda n: apply(db, port(f"p{n}", f"h{n}", segment="red")), range(1, 17))

    done = [r for r in results if isinstance(r, ChangeResult)]
    assert len(done) == 16, results
    assert sorted(r.revision for r in done) == list(range(2, 18))
    for uid in host_uids:
        compiled = compile_host(desired.load_host_intent(db, uid))
        (fragment,) = compiled.fragments.values()
        assert {UUID(member.host_uid) for member in fragment.members} == set(host_uids)


def test_every_member_is_dirty_whatever_order_the_writers_came_in(db: Database) -> None:
    hosts = [host(number) for number in range(1, 9)]
    created = apply(db, *hosts, segment("red"))
    host_uids = {r.uid for r in created.results[:8]}
    at_once(lambda n: apply(db, port(f"p{n}", f"h{n}", segment="red")), range(1, 9))
    for revision in range(2, changes.head(db) + 1):
        members_then = {
            m.uid
            for uid in host_uids
            if uid is not None
            for s in desired.load_host_intent(db, uid, revision=revision).segments
            for m in s.members
        }
        assert members_then <= changes.dirty_hosts(db, revision - 1, revision) <= host_uids


def test_writers_of_segments_never_share_a_vni_nor_a_local_vlan(
    db: Database, database_url: str
) -> None:
    apply(db, host(1))
    results = at_once(
        lambda n: apply(db, segment(f"s{n}"), port(f"p{n}", "h1", segment=f"s{n}")), range(16)
    )
    assert all(isinstance(r, ChangeResult) for r in results), results
    with psycopg.connect(database_url) as connection:
        vnis = [v for (v,) in connection.execute("SELECT vni FROM segment ORDER BY vni")]
        vlans = [v for (v,) in connection.execute("SELECT local_vlan FROM host_segment ORDER BY 1")]
    assert vnis == list(range(10_000, 10_016))
    assert vlans == list(range(1, 17))


def test_of_two_writers_of_one_name_one_creates_and_one_updates(db: Database) -> None:
    results = at_once(lambda m: apply(db, segment("red", mtu=m)), (1300, 1400))
    actions = sorted(r.results[0].action for r in results if isinstance(r, ChangeResult))
    assert actions == ["created", "updated"]


def test_the_log_is_read_in_the_order_of_the_commits(db: Database) -> None:
    """A reader that follows the log while writers commit never misses an entry."""
    seen: list[int] = []
    writers_done = threading.Event()

    def follow() -> None:
        cursor = 0
        while True:
            finished = writers_done.is_set()
            entries = changes.since(db, cursor)
            seen.extend(entry.revision for entry in entries)
            cursor = entries[-1].revision if entries else cursor
            if finished and not entries:
                return

    reader = threading.Thread(target=follow)
    reader.start()
    at_once(lambda n: apply(db, segment(f"s{n}")), range(12))
    writers_done.set()
    reader.join(timeout=30)
    assert seen == list(range(1, 13))


def test_one_key_of_a_hundred_wins_the_join_token(db: Database) -> None:
    created = apply(db, host(1))
    token = enrolment.create_join_token(
        db, ADMIN, "h1", ttl=timedelta(hours=1), now=NOW, request_id="r"
    )
    results = at_once(
        lambda n: (n, enrolment.redeem(db, token.secret, "h1", f"key-{n}", now=NOW)), range(100)
    )
    winners = [r for r in results if not isinstance(r, Exception)]
    assert [redeemed.host_uid for _, redeemed in winners] == [created.results[0].uid]
    refused = [r for r in results if isinstance(r, UnauthenticatedError)]
    assert len(refused) == 99, results
    assert enrolment.redeem(db, token.secret, "h1", f"key-{winners[0][0]}", now=NOW)


def test_a_job_is_claimed_by_one_worker_of_many(db: Database) -> None:
    ids = [jobs.enqueue(db, "noop", {"n": n}, idempotency_key=f"k{n}", now=NOW) for n in range(8)]
    assert jobs.enqueue(db, "noop", {}, idempotency_key="k0", now=NOW) is None
    claims = at_once(
        lambda w: jobs.claim(db, None, worker=f"w{w}", lease=timedelta(seconds=30), now=NOW),
        range(16),
    )
    claimed = [c for c in claims if isinstance(c, jobs.Job)]
    assert sorted(c.id for c in claimed) == sorted(i for i in ids if i is not None)
    assert not [c for c in claims if isinstance(c, Exception)]


def test_a_connection_that_is_cut_in_the_middle_writes_nothing(
    db: Database, database_url: str
) -> None:
    """The writer waits for the revision lock; its backend is ended there."""
    apply(db, host(1))
    with psycopg.connect(database_url) as rival:
        rival.execute("SELECT revision FROM fleet FOR UPDATE")
        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(apply, db, segment("red"))
            wait_until_blocked(database_url)
            with psycopg.connect(database_url, autocommit=True) as killer:
                killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )
            with pytest.raises(UnavailableError):
                writer.result(timeout=30)
    assert changes.head(db) == 1
    assert queries.list_views(db, ADMIN, segment("red").ref.kind, None, page_size=10).items == ()
    assert apply(db, segment("red")).revision == 2


def wait_until_blocked(url: str) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    with psycopg.connect(url, autocommit=True) as connection:
        while datetime.now(UTC) < deadline:
            blocked = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).fetchone()
            if blocked is not None and blocked[0] > 0:
                return
    raise AssertionError("nobody waits for a lock")


def test_what_is_in_use_when_a_database_is_closed_is_closed_after_its_use(
    database_url: str,
) -> None:
    """Threads that nobody waits for, as the watch feed's, may end after the server did."""
    db = Database(database_url)
    with db.snapshot() as tx:
        db.close()
        assert tx.execute(text("SELECT 1")).scalar() == 1
    wait_until_alone(database_url)
    assert changes.head(db) == 0
    wait_until_alone(database_url)


def wait_until_alone(url: str) -> None:
    """The server takes a moment to see that a connection was closed."""
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    with psycopg.connect(url, autocommit=True) as connection:
        while datetime.now(UTC) < deadline:
            others = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
            if others == (0,):
                return
    raise AssertionError("a connection is still open")
