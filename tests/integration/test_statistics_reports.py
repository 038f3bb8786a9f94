"""Reports of counters over real mutual TLS into a real database: stored once, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from ovsfleet.v1 import stats_pb2, stats_pb2_grpc

from controller.domain.errors import InvalidError
from controller.services.statistics import Intake
from controller.southbound.stats_writer import StatsWriter
from controller.southbound.threads import Threads
from controller.southbound.timing import utc_now
from controller.store.engine import Database
from tests.support.agent_end import (
    DEADLINE_S,
    Identity,
    Site,
    TurnableClock,
    channel,
    enrol,
    eventually,
    running_site,
    session,
)
from tests.support.counting import raw, reading, report, tables
from tests.support.manifests import host, remove

pytestmark = pytest.mark.integration

Stream: TypeAlias = grpc.aio.StreamStreamCall[stats_pb2.ReportRequest, stats_pb2.ReportResponse]

PORT = "port:00000000-0000-4000-8000-000000000001"


def a_report(sequence: int = 1, count: int = 0, **fields: Any) -> stats_pb2.ReportRequest:
    counters = [stats_pb2.Counters(subject=PORT, epoch=7, rx_bytes=count, tx_errors=0)]
    return stats_pb2.ReportRequest(
        **{"instance_nonce": "one", "sequence": sequence, "counters": counters, **fields}
    )


@asynccontextmanager
async def reporting(site: Site, identity: Identity) -> AsyncIterator[Stream]:
    async with channel(site, identity) as opened:
        stream: Stream = stats_pb2_grpc.StatsServiceStub(opened).Report()
        try:
            yield stream
        finally:
            stream.cancel()


async def stored(stream: Stream, *reports: stats_pb2.ReportRequest) -> list[int]:
    """Send reports; return the acknowledgement of each."""
    acknowledged = []
    async with asyncio.timeout(DEADLINE_S):
        for each in reports:
            await stream.write(each)
            answer = await stream.read()
            assert isinstance(answer, stats_pb2.ReportResponse), await stream.details()
            acknowledged.append(answer.stored_sequence)
    return acknowledged


async def refusal(stream: Stream, *reports: stats_pb2.ReportRequest) -> grpc.StatusCode:
    async with asyncio.timeout(DEADLINE_S):
        for each in reports:
            await stream.write(each)
        return await stream.code()


def samples(db: Database, identity: Identity) -> list[int | None]:
    return [count for _, _, count in raw(db, UUID(identity.host_uid))]


async def test_a_report_is_acknowledged_when_it_is_stored(site: Site, h1: Identity) -> None:
    async with reporting(site, h1) as stream:
        assert await stored(stream, a_report(1, 10), a_report(2, 20)) == [1, 2]
        assert samples(site.db, h1) == [10, 20]


async def test_a_report_is_dated_when_it_arrives_however_long_the_store_takes(
    site: Site, h1: Identity, clock: TurnableClock
) -> None:
    async with reporting(site, h1) as stream:
        await stored(stream, a_report(1, 10))
        (served,) = site.southbound._stats_streams.all()
        with psycopg.connect(site.db.url) as holder:
            holder.execute("SELECT 1 FROM stat_cursor FOR UPDATE")
            for n in range(2, 6):
                clock.ahead += timedelta(seconds=5)
                await stream.write(a_report(n, 10 * n))
                await eventually(lambda n=n: served.arrivals.waiting == n - 1, "it arrived")
        async with asyncio.timeout(DEADLINE_S):
            answers = [await stream.read() for _ in range(4)]
        expected = [stats_pb2.ReportResponse(stored_sequence=n) for n in range(2, 6)]
        assert answers == expected
    times = [at for at, _, _ in raw(site.db, UUID(h1.host_uid))]
    assert all(4 < (b - a).total_seconds() < 6 for a, b in pairwise(times)), times


async def test_agents_are_told_how_often_to_report(site: Site, h1: Identity) -> None:
    async with session(site, h1) as agent:
        assert agent.welcome.stats_interval_ms == 5000


async def test_what_is_sent_again_on_another_stream_or_to_another_controller_is_stored_once(
    site: Site, h1: Identity, tmp_path: Path
) -> None:
    old = [a_report(n, 10 * n, age_ms=60_000 - 5000 * n) for n in (1, 2, 3)]
    async with reporting(site, h1) as stream:
        assert await stored(stream, *old) == [1, 2, 3]
    async with running_site(site.db, tmp_path) as other, reporting(other, h1) as stream:
        assert await stored(stream, *old, a_report(4, 40)) == [1, 2, 3, 4]
    assert samples(site.db, h1) == [10, 20, 30, 40]


async def test_a_report_whose_transaction_dies_is_stored_once_when_it_is_sent_again(
    site: Site, h1: Identity
) -> None:
    async with reporting(site, h1) as stream:
        await stored(stream, a_report(1, 10))
        with psycopg.connect(site.db.url) as holder:
            # The writer is in the middle of its transaction: it waits for the host's cursor.
            holder.execute("SELECT FROM stat_cursor FOR UPDATE")
            await stream.write(a_report(2, 20))
            await eventually(lambda: kill_who_waits(site.db), "the writer's connection is cut")
        assert await refusal(stream) is grpc.StatusCode.UNAVAILABLE
    async with reporting(site, h1) as stream:
        assert await stored(stream, a_report(2, 20), a_report(3, 30)) == [2, 3]
    assert samples(site.db, h1) == [10, 20, 30]


def kill_who_waits(db: Database) -> bool:
    with closing(psycopg.connect(db.url, autocommit=True)) as connection:
        killed = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchall()
    return bool(killed)


async def test_an_agent_that_started_anew_counts_its_reports_from_one(
    site: Site, h1: Identity
) -> None:
    async with reporting(site, h1) as stream:
        await stored(stream, a_report(1, 10), a_report(2, 20))
        assert await stored(stream, a_report(1, 30, instance_nonce="two")) == [1]
        # The old process is gone; what was still on its way lies before what is stored.
        assert await stored(stream, a_report(3, 25, age_ms=2000)) == [3]
    assert samples(site.db, h1) == [10, 20, 30]


async def test_a_report_that_is_too_old_is_answered_and_forgotten(site: Site, h1: Identity) -> None:
    async with reporting(site, h1) as stream:
        assert await stored(stream, a_report(1, 10, age_ms=2**32 - 1)) == [1]
        assert await stored(stream, a_report(2, 20)) == [2]
    assert samples(site.db, h1) == [20]
    assert len(tables(site.db)) == 1


async def test_what_is_wrong_with_one_counter_costs_no_other(site: Site, h1: Identity) -> None:
    strange = [
        stats_pb2.Counters(subject=subject, rx_bytes=1)
        for subject in ("", "port:x", "device:" + "x" * 16, "device:a/b", "device:a\0", "x" * 10**5)
    ]
    strange += [
        stats_pb2.Counters(subject="device:eth0", epoch=2**64 - 1, rx_bytes=2**64 - 1, tx_bytes=5),
        stats_pb2.Counters(subject="device:eth0", rx_bytes=7),
        stats_pb2.Counters(subject="device:eth1", rx_bytes=2**63 - 1),
        stats_pb2.Counters(subject="device:eth2"),
    ]
    async with reporting(site, h1) as stream:
        assert await stored(stream, a_report(1, 10, counters=strange), a_report(2, 20)) == [1, 2]
    found = raw(site.db, UUID(h1.host_uid))
    assert {(epoch, count) for _, epoch, count in found} == {(-1, None), (0, 2**63 - 1), (7, 20)}


@pytest.mark.parametrize(
    "wrong", [{"instance_nonce": ""}, {"instance_nonce": "a\nb"}, {"sequence": 0}]
)
async def test_a_report_that_cannot_be_placed_ends_its_stream_alone(
    site: Site, h1: Identity, wrong: dict[str, Any]
) -> None:
    h2 = await enrol(site, "h2")
    async with reporting(site, h1) as stream, reporting(site, h2) as other:
        assert await refusal(stream, a_report(**wrong)) is grpc.StatusCode.INVALID_ARGUMENT
        assert await stored(other, a_report(1, 10)) == [1]
    assert samples(site.db, h1) == []
    assert samples(site.db, h2) == [10]


async def test_a_newer_stream_of_a_host_replaces_the_older(site: Site, h1: Identity) -> None:
    async with AsyncExitStack() as stack:
        older = await stack.enter_async_context(reporting(site, h1))
        await stored(older, a_report(1, 10))
        newer = await stack.enter_async_context(reporting(site, h1))
        await stored(newer, a_report(2, 20))
        assert await refusal(older) is grpc.StatusCode.ABORTED
        assert await stored(newer, a_report(3, 30)) == [3]


async def test_a_host_that_is_deleted_reports_no_more(site: Site, h1: Identity) -> None:
    async with reporting(site, h1) as stream:
        await stored(stream, a_report(1, 10))
        remove(site.db, host(1))
        assert await refusal(stream) is grpc.StatusCode.PERMISSION_DENIED
    async with reporting(site, h1) as stream:
        assert await refusal(stream) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_stream_ends_with_its_certificate(
    site: Site, h1: Identity, clock: TurnableClock
) -> None:
    async with reporting(site, h1) as stream:
        await stored(stream, a_report(1, 10))
        clock.ahead = timedelta(days=30)
        assert await refusal(stream, a_report(2, 20)) is grpc.StatusCode.UNAUTHENTICATED
    assert samples(site.db, h1) == [10]


async def test_a_partition_that_somebody_dropped_is_made_again(site: Site, h1: Identity) -> None:
    async with reporting(site, h1) as stream:
        await stored(stream, a_report(1, 10))
        (partition,) = tables(site.db)
        with psycopg.connect(site.db.url) as connection:
            connection.execute(f"DROP TABLE {partition}".encode())
        assert await stored(stream, a_report(2, 20)) == [2]
    assert samples(site.db, h1) == [20]


async def test_what_one_host_says_can_spoil_nothing_that_is_written_with_it(db: Database) -> None:
    threads = Threads(db, workers=1)
    writer = StatsWriter(threads, Intake(db), utc_now)
    hosts = [uuid4() for _ in range(3)]
    subjects = ("device:eth0", "device:\0", "device:eth0")
    waiting = [
        asyncio.create_task(writer.store(report(host, 1, utc_now(), reading(name, rx_bytes=7))))
        for host, name in zip(hosts, subjects, strict=True)
    ]
    writing = asyncio.create_task(writer.run())
    async with asyncio.timeout(DEADLINE_S):
        first, spoilt, last = await asyncio.gather(*waiting, return_exceptions=True)
    writing.cancel()
    await threads.close(patience_s=DEADLINE_S)
    assert (first, type(spoilt), last) == (1, InvalidError, 1)
    assert [len(raw(db, host)) for host in hosts] == [1, 0, 1]
