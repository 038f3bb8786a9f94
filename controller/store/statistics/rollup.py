"""Rolls samples up, some hosts at a time.

Times of a host's samples only grow (``controller.domain.statistics.judge``), so a minute is over
for a host as soon as it has a sample in a later one, however late they come: nothing that is rolled
up ever has to be looked at again. How far a host is is written in the transaction that writes its
buckets, and coarser buckets follow from finer ones when those are complete.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    DateTime,
    Interval,
    SQLColumnExpression,
    Uuid,
    bindparam,
    extract,
    false,
    func,
    literal,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import Insert, distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from controller.domain.statistics import COUNTERS, GAP, QUIET, Resolution
from controller.store.engine import Transaction
from controller.store.statistics.increments import steps
from controller.store.tables import ROLLUP_ROWS, StatLastRow, StatProgressRow, StatRawRow
from controller.store.tables import StatSubjectRow as Subject

_ADVISORY_LOCK = 0x6F7673666C726F6C
"""``ovsflrol`` in ASCII: one rolls up at a time."""

_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)


class Due(NamedTuple):
    """The samples of a host from ``since`` on, before ``until``; both are full minutes."""

    host_uid: UUID
    since: datetime
    until: datetime
    subjects: int = 0
    """How many things the host counts for: what its minutes cost."""


def lock(tx: Transaction) -> bool:
    """False: somebody else is at it; a thread that waits would be missed elsewhere."""
    query = text("SELECT pg_try_advisory_xact_lock(:key)")
    locked: bool = tx.execute(query, {"key": _ADVISORY_LOCK}).scalar_one()
    return locked


def wait_for_lock(tx: Transaction) -> None:
    """Keep everybody from rolling up until the end of the transaction."""
    tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


def begin(tx: Transaction, hosts: Mapping[UUID, datetime]) -> None:
    """Note the first sample of hosts that never had one."""
    values = [
        {"host_uid": uid, "rolled_until": bucket_start(Resolution.MINUTE, at)}
        for uid, at in sorted(hosts.items())
    ]
    if values:
        tx.execute(upsert(StatProgressRow).on_conflict_do_nothing(), values)


_DUE = text("""
SELECT host_uid, rolled_until, until, (
    SELECT count(*) FROM stat_subject WHERE stat_subject.host_uid = stat_progress.host_uid
) FROM stat_progress JOIN (
    SELECT host_uid, CASE
        WHEN sampled_at < :quiet THEN date_trunc('hour', sampled_at) + interval '1 hour'
        ELSE date_trunc('minute', sampled_at)
    END AS until
    FROM stat_cursor
) AS heard USING (host_uid)
WHERE rolled_until < until AND host_uid <> ALL (CAST(:others AS uuid[]))
ORDER BY rolled_until, host_uid LIMIT :hosts
""")


def due(tx: Transaction, *, hosts: int, leave_out: Collection[UUID], now: datetime) -> list[Due]:
    """Hosts with minutes that are over and not rolled up, those that wait longest first."""
    values = {"quiet": now - QUIET, "hosts": hosts, "others": list(leave_out)}
    found = tx.execute(_DUE, values)
    return [Due(*row) for row in found]


def roll_minutes(tx: Transaction, work: Sequence[Due]) -> None:
    """Roll samples up by the minute, and keep the newest for the next time."""
    step = steps(_samples())
    length = step.c.sampled_at - step.c.began_at
    row = ROLLUP_ROWS[Resolution.MINUTE]
    buckets = (
        select(
            step.c.subject_id,
            _bucket(Resolution.MINUTE, step.c.sampled_at).label("bucket_at"),
            (length > GAP).label("across_gap"),
            func.sum(extract("epoch", length)).label("covered_seconds"),
            *(func.sum(step.c[name]).label(name) for name in COUNTERS),
        )
        .where(step.c.is_new, step.c.began_at.is_not(None))
        .group_by(step.c.subject_id, text("bucket_at"), text("across_gap"))
    )
    tx.execute(upsert(row).from_select(_BUCKET_COLUMNS, buckets), _spans(work))
    keep_newest(tx, work)


def keep_newest(tx: Transaction, work: Sequence[Due]) -> None:
    """Keep the newest sample of these times: what the next one is subtracted from."""
    tx.execute(_keep_newest(), _spans(work))


def roll_buckets(tx: Transaction, to: Resolution, work: Sequence[Due]) -> None:
    """Roll the buckets up that are complete, from those of the finer resolution."""
    fine, coarse = ROLLUP_ROWS[_FINER[to]], ROLLUP_ROWS[to]
    complete = [
        Due(uid, bucket_start(to, since), bucket_start(to, until)) for uid, since, until, _ in work
    ]
    complete = [each for each in complete if each.since < each.until]
    if not complete:
        return
    buckets = (
        select(
            fine.subject_id,
            _bucket(to, fine.bucket_at).label("bucket"),
            fine.across_gap,
            func.sum(fine.covered_seconds),
            *(func.sum(getattr(fine, name)) for name in COUNTERS),
        )
        .join(Subject, Subject.id == fine.subject_id)
        .join(_SPAN, _SPAN.c.host_uid == Subject.host_uid)
        .where(*_within(fine.bucket_at))
        .group_by(fine.subject_id, text("bucket"), fine.across_gap)
    )
    tx.execute(upsert(coarse).from_select(_BUCKET_COLUMNS, buckets), _spans(complete))


def advance(tx: Transaction, work: Sequence[Due]) -> None:
    tx.execute(_ADVANCE, _spans(work))


_ADVANCE = text("""
UPDATE stat_progress SET rolled_until = new.until
FROM unnest(CAST(:hosts AS uuid[]), CAST(:until AS timestamptz[])) AS new(host_uid, until)
WHERE stat_progress.host_uid = new.host_uid
""")


def oldest_waiting(tx: Transaction) -> datetime | None:
    """Samples from here on may be needed to roll up; None: none at all."""
    query = text(
        "SELECT min(rolled_until) FROM stat_progress JOIN stat_cursor USING (host_uid)"
        " WHERE sampled_at >= rolled_until"
    )
    found: datetime | None = tx.execute(query).scalar_one()
    return found


def bucket_start(resolution: Resolution, at: datetime) -> datetime:
    return at - (at - _ORIGIN) % resolution.width


_FINER = {Resolution.QUARTER: Resolution.MINUTE, Resolution.HOUR: Resolution.QUARTER}
_BUCKET_COLUMNS = ["subject_id", "bucket_at", "across_gap", "covered_seconds", *COUNTERS]

_TIMES = ARRAY(DateTime(timezone=True))
_SPAN = (
    func.unnest(
        bindparam("hosts", type_=ARRAY(Uuid)),
        bindparam("since", type_=_TIMES),
        bindparam("until", type_=_TIMES),
    )
    .table_valued("host_uid", "since", "until", name="span")
    .render_derived()
)


def _spans(work: Sequence[Due]) -> dict[str, object]:
    return {
        "hosts": [each.host_uid for each in work],
        "since": [each.since for each in work],
        "until": [each.until for each in work],
        # Said once more for all, so that the planner can leave partitions out.
        "first": min(each.since for each in work),
        "last": max(each.until for each in work),
    }


def _within(at: SQLColumnExpression[datetime]) -> tuple[ColumnElement[bool], ...]:
    kind = DateTime(timezone=True)
    return (
        at >= _SPAN.c.since,
        at < _SPAN.c.until,
        at >= bindparam("first", type_=kind),
        at < bindparam("last", type_=kind),
    )


def _samples() -> CTE:
    """The new samples, and for each subject the newest that was rolled up before."""
    names = ("subject_id", "sampled_at", "epoch", *COUNTERS)
    new = (
        select(*(getattr(StatRawRow, name) for name in names), true().label("is_new"))
        .join(Subject, Subject.id == StatRawRow.subject_id)
        .join(_SPAN, _SPAN.c.host_uid == Subject.host_uid)
        .where(*_within(StatRawRow.sampled_at))
    )
    last = (
        select(*(getattr(StatLastRow, name) for name in names), false().label("is_new"))
        .join(Subject, Subject.id == StatLastRow.subject_id)
        .join(_SPAN, _SPAN.c.host_uid == Subject.host_uid)
    )
    return union_all(new, last).cte("sample")


def _keep_newest() -> Insert:
    names = ("subject_id", "sampled_at", "epoch", *COUNTERS)
    newest = (
        select(*(getattr(StatRawRow, name) for name in names))
        .join(Subject, Subject.id == StatRawRow.subject_id)
        .join(_SPAN, _SPAN.c.host_uid == Subject.host_uid)
        .where(*_within(StatRawRow.sampled_at))
        .ext(distinct_on(StatRawRow.subject_id))
        .order_by(StatRawRow.subject_id, StatRawRow.sampled_at.desc())
    )
    statement = upsert(StatLastRow).from_select(names, newest)
    return statement.on_conflict_do_update(
        index_elements=["subject_id"],
        set_={name: statement.excluded[name] for name in names[1:]},
    )


def _bucket(resolution: Resolution, at: SQLColumnExpression[datetime]) -> ColumnElement[datetime]:
    return func.date_bin(
        literal(resolution.width, Interval), at, literal(_ORIGIN, DateTime(timezone=True))
    )
