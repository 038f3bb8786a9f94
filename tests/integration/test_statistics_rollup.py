"""Roll-ups on a real database: whatever is lost, repeated, late or reset, the sums are right."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from controller.config import Settings
from controller.domain.errors import UnavailableError
from controller.domain.statistics import GAP, Fate
from controller.jobs.app import make_app
from controller.jobs.tasks import Work
from controller.jobs.webhooks import Lanes
from controller.services.statistics import Intake, Report
from controller.services.statistics_upkeep import (
    drop_partitions,
    forget,
    make_partitions_ahead,
    roll_up,
)
from controller.store.engine import Database
from tests.support import manifests
from tests.support.counting import START, raw, reading, report, steady, tables, total

pytestmark = pytest.mark.integration

ROLLUPS = ("stat_1m", "stat_15m", "stat_1h")
LONG_AFTER = timedelta(hours=5)
"""A host unheard for so long has all that it said rolled up."""


@dataclass
class Agent:
    """One host that counts, its agent's queue, and what its reports go through."""

    host: UUID = field(default_factory=uuid4)
    now: datetime = START
    life: int = 1
    sequence: int = 0
    epoch: int = 1
    count: int = 0
    queue: list[Report] = field(default_factory=list)
    sent: list[Report] = field(default_factory=list)

    def read(self) -> None:
        self.sequence += 1
        subject = reading("device:eth0", self.epoch, rx_bytes=self.count)
        nonce = f"life {self.life}"
        self.queue.append(report(self.host, self.sequence, self.now, subject, nonce=nonce))

    def restart(self) -> None:
        self.life, self.sequence = self.life + 1, 0
        self.queue.clear()


def act(agent: Agent, intake: Intake, db: Database, action: str, number: int) -> None:
    match action:
        case "count":
            agent.count += number
            agent.now += timedelta(seconds=1 + number % 300)
            agent.read()
        case "lose":
            del agent.queue[: 1 + number % 3]
        case "deliver":
            agent.now += timedelta(milliseconds=number)
            intake.store(agent.queue, now=agent.now)
            agent.sent += agent.queue
            agent.queue.clear()
        case "repeat":
            intake.store(agent.sent[-1 - number % 5 :], now=agent.now)
        case "restart":
            agent.restart()
        case "reset":
            agent.epoch += number % 2
            agent.count = number % 7
        case "roll up":
            roll_up(db, now=agent.now)


MONOTONIC = (
    "count",
    "count",
    "count",
    "deliver",
    "deliver",
    "lose",
    "repeat",
    "restart",
    "roll up",
)
NUMBERS = st.integers(0, 1000)


def histories(actions: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(st.tuples(st.sampled_from(actions), NUMBERS), min_size=5, max_size=40)


def increments(samples: list[tuple[datetime, int, int | None]]) -> int:
    """The sum of what was counted between neighbours, said once more and simply."""
    result = 0
    for (_, old_epoch, old), (_, epoch, new) in pairwise(samples):
        assert old is not None
        assert new is not None
        result += new - old if epoch == old_epoch and new >= old else new
    return result


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories((*MONOTONIC, "reset")))
def test_every_rollup_sums_up_to_what_the_samples_say(
    db: Database, history: list[tuple[str, int]]
) -> None:
    agent, intake = Agent(), Intake(db)
    for action, number in history:
        act(agent, intake, db, action, number)
    intake.store(agent.queue, now=agent.now)
    samples = raw(db, agent.host)
    roll_up(db, now=agent.now + LONG_AFTER)
    expected = Decimal(increments(samples))
    assert [total(db, table, agent.host) for table in ROLLUPS] == [expected] * 3
    assert len(samples) == len(set(samples)) == len({at for at, _, _ in samples})
    if samples and all(action != "reset" for action, _ in history):
        # Nothing was lost: what the host counted between the first and the last that we know of.
        assert expected == (samples[-1][2] or 0) - (samples[0][2] or 0)


def test_a_count_that_no_host_can_reach_overflows_no_sum(db: Database) -> None:
    host, most = uuid4(), 2**63 - 1
    reports = [
        report(host, n, START + timedelta(seconds=n), reading("device:eth0", n, rx_bytes=most))
        for n in range(1, 50)
    ]
    Intake(db).store(reports, now=START + timedelta(minutes=1))
    roll_up(db, now=START + LONG_AFTER)
    assert [total(db, table, host) for table in ROLLUPS] == [Decimal(48 * most)] * 3


def test_a_rollup_that_is_cut_off_goes_on_where_it_was(db: Database) -> None:
    hosts = [uuid4() for _ in range(12)]
    now = START + timedelta(minutes=25)
    for host in hosts:
        Intake(db).store(steady(host, "device:eth0", rate=10, start=START, samples=300), now=now)
    passes = [roll_up(db, now=now, most=1) for _ in range(2)]
    assert passes == [1, 1]
    while roll_up(db, now=now + LONG_AFTER, most=1):
        pass
    assert roll_up(db, now=now + LONG_AFTER) == 0
    for table in ROLLUPS:
        assert {total(db, table, host) for host in hosts} == {Decimal(299 * 5 * 10)}


def a_bucket_in_the_way(db: Database, host: UUID) -> None:
    """A row that is there before its time: rolling this host up breaks a constraint."""
    with psycopg.connect(db.url) as connection:
        connection.execute(
            "INSERT INTO stat_1m (subject_id, bucket_at, across_gap, covered_seconds)"
            " SELECT id, %s, false, 1 FROM stat_subject WHERE host_uid = %s",
            [START.replace(second=0) + timedelta(minutes=3), host],
        )


def test_a_host_that_cannot_be_rolled_up_stands_in_nobodys_way(db: Database) -> None:
    hosts = [uuid4() for _ in range(5)]
    now = START + timedelta(minutes=10)
    make_partitions_ahead(db, now=START)
    for host in hosts:
        Intake(db).store(steady(host, "device:eth0", rate=10, start=START, samples=100), now=now)
    a_bucket_in_the_way(db, hosts[2])
    assert roll_up(db, now=now + LONG_AFTER) > 0
    totals = {host: total(db, "stat_1m", host) for host in hosts}
    spoilt = totals.pop(hosts[2])
    assert set(totals.values()) == {Decimal(99 * 5 * 10)}
    # What lies before the minute that cannot be is rolled up all the same.
    assert spoilt == Decimal(30 * 5 * 10)


def test_a_host_that_takes_too_long_is_left_for_the_next_time(db: Database) -> None:
    hosts = [uuid4() for _ in range(3)]
    for host in hosts:
        reports = steady(host, "device:eth0", rate=10, start=START, samples=40)
        Intake(db).store(reports, now=START + timedelta(minutes=4))
    roll_up(db, now=START + timedelta(minutes=4), most=1)
    for host in hosts:
        more = report(host, 41, START + timedelta(minutes=9), reading("device:eth0", rx_bytes=9**9))
        Intake(db).store([more], now=START + timedelta(minutes=9))
    later = START + LONG_AFTER
    with closing(Database(db.url, statement_s=0.5)) as hasty, db.transaction() as tx:
        last = "SELECT 1 FROM stat_last JOIN stat_subject ON id = subject_id WHERE host_uid = :host"
        tx.execute(text(f"{last} FOR UPDATE OF stat_last"), {"host": hosts[1]})
        roll_up(hasty, now=later)
        counted = {host: total(db, "stat_1m", host) for host in hosts}
    assert counted[hosts[0]] == counted[hosts[2]] == 9**9 - 1000 > counted[hosts[1]]
    roll_up(db, now=later)
    assert total(db, "stat_1m", hosts[1]) == 9**9 - 1000


def test_old_statistics_are_dropped_though_nothing_can_be_rolled_up(
    db: Database, tmp_path: Path
) -> None:
    host, now = uuid4(), datetime.now(UTC)
    make_partitions_ahead(db, now=now - timedelta(days=9))
    old = tables(db)
    Intake(db).store(
        steady(host, "device:eth0", rate=10, start=now - timedelta(minutes=5), samples=50), now=now
    )
    with psycopg.connect(db.url) as connection:
        connection.execute("ALTER TABLE stat_subject RENAME TO lost")
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(UnavailableError):
        Work(make_app(settings), db, settings, Lanes(db, allow_loopback=False)).keep_partitions()
    assert {name for name in old if name.startswith(("stat_raw", "stat_1m"))} & tables(db) == set()


def test_a_clock_that_was_ahead_loses_what_it_dated_and_nothing_after_it(db: Database) -> None:
    host, intake = uuid4(), Intake(db)
    reports = steady(host, "device:eth0", rate=10, start=START, samples=240)
    before, after = reports[:60], reports[70:]
    intake.store(before, now=START + timedelta(minutes=5))
    ahead = timedelta(hours=2)
    wrong = [replace(each, sampled_at=each.sampled_at + ahead) for each in reports[60:70]]
    intake.store(wrong, now=wrong[-1].sampled_at)
    far = [report(host, 71, START + 2 * ahead, reading("device:eth0", rx_bytes=1))]
    intake.store(far, now=START + 2 * ahead)
    roll_up(db, now=START + 2 * ahead)
    assert total(db, "stat_15m", host) > 0
    again = [replace(each, sequence=each.sequence + 1) for each in after]
    fates = [
        receipt.fate
        for each in again
        for receipt in intake.store([each], now=each.sampled_at + timedelta(seconds=1))
    ]
    assert set(fates) == {Fate.STORED}
    assert [at for at, _, _ in raw(db, host)] == [each.sampled_at for each in (*before, *again)]
    roll_up(db, now=START + LONG_AFTER)
    assert [total(db, table, host) for table in ROLLUPS] == [Decimal(239 * 5 * 10)] * 3


def test_what_was_counted_while_a_host_was_away_is_in_the_totals(db: Database) -> None:
    host, later = uuid4(), START + timedelta(days=3)
    intake = Intake(db)
    intake.store([report(host, 1, START, reading("device:eth0", rx_bytes=100))], now=START)
    roll_up(db, now=START + LONG_AFTER)
    drop_partitions(db, now=later)
    again = report(host, 2, later, reading("device:eth0", rx_bytes=5100))
    intake.store([again], now=later)
    roll_up(db, now=later + LONG_AFTER)
    assert [total(db, table, host) for table in ROLLUPS] == [Decimal(5000)] * 3


def test_partitions_are_made_ahead_and_dropped_when_their_time_is_over(db: Database) -> None:
    now = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)
    make_partitions_ahead(db, now=now)
    made = {
        *("stat_raw_2026123122", "stat_raw_2026123123", "stat_raw_2027010100"),
        *("stat_raw_2027010101", "stat_1m_20261231", "stat_1m_20270101"),
        *("stat_15m_202612", "stat_15m_202701", "stat_1h_2026", "stat_1h_2027"),
    }
    assert tables(db) == made
    make_partitions_ahead(db, now=now)
    assert drop_partitions(db, now=now + timedelta(hours=6)) == 0
    assert drop_partitions(db, now=now + timedelta(hours=6, minutes=30)) == 1
    assert drop_partitions(db, now=now + timedelta(days=8)) == 4
    assert drop_partitions(db, now=now + timedelta(days=95)) == 2
    assert drop_partitions(db, now=now + timedelta(days=366 * 4)) == 3
    assert tables(db) == set()


def test_samples_that_wait_to_be_rolled_up_are_kept_though_not_for_ever(db: Database) -> None:
    host, hour = uuid4(), timedelta(hours=1)
    Intake(db).store(
        steady(host, "device:eth0", rate=10, start=START, samples=10), now=START + hour / 2
    )
    assert drop_partitions(db, now=START + 8 * hour) == 0
    assert drop_partitions(db, now=START + 56 * hour) == 1
    assert raw(db, host) == []


def test_whom_nobody_will_ask_about_is_forgotten(db: Database) -> None:
    made = manifests.apply(
        db,
        *(manifests.host(1), manifests.host(2), manifests.segment("red")),
        manifests.port("p1", "h1", segment="red"),
    )
    uids = {result.ref.name: result.uid for result in made.results if result.uid is not None}
    h1, h2, intake = uids["h1"], uids["h2"], Intake(db)
    names = ("device:eth0", f"port:{uids['p1']}", f"port:{uuid4()}")
    counted = [reading(name, rx_bytes=5) for name in names]
    for uid in (h1, h2):
        intake.store([report(uid, 1, START, *counted)], now=START)
    later = START + timedelta(days=3)
    assert forget(db, now=later) == 0
    roll_up(db, now=later)
    drop_partitions(db, now=later)
    assert forget(db, now=later) == 0
    manifests.remove(db, manifests.host(2))
    assert forget(db, now=later) == 1
    assert (subjects(db, h1), subjects(db, h2)) == (set(names), set())
    later = START + timedelta(days=91)
    assert forget(db, now=later) == 1
    assert subjects(db, h1) == set(names[:2])
    # The process that stored it before gives what comes back an id that is there.
    again = [report(h1, n, later + n * GAP, *counted) for n in (2, 3)]
    intake.store(again, now=later + 3 * GAP)
    assert len(raw(db, h1)) == 6
    roll_up(db, now=later + LONG_AFTER)
    assert forget(db, now=START + timedelta(days=900)) == 0
    drop_partitions(db, now=START + timedelta(days=900))
    assert forget(db, now=START + timedelta(days=900)) == 3


def subjects(db: Database, host: UUID) -> set[str]:
    with db.snapshot() as tx:
        found = tx.execute(
            text("SELECT subject FROM stat_subject WHERE host_uid = :host"), {"host": host}
        )
        return set(found.scalars())
