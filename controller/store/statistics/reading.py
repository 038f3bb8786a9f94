"""Reads rates: of some subjects, each part of one series, on a grid of buckets.

One query, whatever is read. The rate of a subject in a bucket is what it counted there by the time
that it was heard of there; the rate of a series is the sum of those of its subjects.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    Integer,
    SQLColumnExpression,
    bindparam,
    case,
    cast,
    exists,
    extract,
    false,
    func,
    literal,
    or_,
    select,
    true,
)

from controller.domain.statistics import COUNTERS, GAP, Grid, Resolution
from controller.store.engine import Transaction
from controller.store.statistics.increments import steps
from controller.store.statistics.ingest import Subject
from controller.store.statistics.rollup import bucket_start
from controller.store.tables import (
    ROLLUP_ROWS,
    HostRow,
    PortRow,
    StatCursorRow,
    StatLastRow,
    StatProgressRow,
    StatRawRow,
    StatSubjectRow,
)


class Point(NamedTuple):
    series: int
    bucket: int
    rates: tuple[float | None, ...]
    """Per second, in the order of ``COUNTERS``."""


def subjects_of_host(
    tx: Transaction, host_uid: UUID, *prefixes: str, since: datetime
) -> dict[Subject, int]:
    """Ids of the host's subjects that begin so and were heard since then."""
    row, last, raw = StatSubjectRow, StatLastRow, StatRawRow
    wanted = or_(*(row.subject.startswith(prefix) for prefix in prefixes))
    # What is not rolled up yet was heard, however old the newest is that is.
    rolled_up = exists().where(last.subject_id == row.id, last.sampled_at >= _at(since))
    sampled = exists().where(raw.subject_id == row.id, raw.sampled_at >= _at(since))
    query = select(row.host_uid, row.subject, row.id).where(
        row.host_uid == host_uid, wanted, or_(rolled_up, sampled)
    )
    return {(host, subject): id_ for host, subject, id_ in tx.execute(query)}


def ports_of_segment(tx: Transaction, segment_uid: UUID) -> list[tuple[UUID, UUID, str]]:
    """Uid, host's uid and host of each current port, on each host that it is on."""
    row = PortRow
    host = case((row.side == 0, row.host), else_=row.migrating_to)
    query = select(row.uid, row.host_uid, host)
    found = tx.execute(query.where(row.segment_uid == segment_uid, row.valid_to.is_(None)))
    return [(uid, host_uid, name) for uid, host_uid, name in found if host_uid is not None]


def uids_of_hosts(tx: Transaction, names: Collection[str]) -> dict[str, UUID]:
    row = HostRow
    query = select(row.name, row.uid)
    return dict(
        tx.execute(query.where(row.name == func.any(list(names)), row.valid_to.is_(None))).all()
    )


def read_rates(tx: Transaction, grid: Grid, series: Mapping[int, int]) -> list[Point]:
    """``series`` says by a subject's id which series it is part of."""
    covered = _raw(grid) if grid.resolution is Resolution.RAW else _rolled_up(grid)
    each = select(
        covered.c.series,
        covered.c.bucket,
        *((covered.c[name] / covered.c.seconds).label(name) for name in COUNTERS),
    ).cte("each")
    query = (
        select(each.c.series, each.c.bucket, *(func.sum(each.c[name]) for name in COUNTERS))
        .group_by(each.c.series, each.c.bucket)
        .order_by(each.c.series, each.c.bucket)
    )
    found = tx.execute(query, {"subjects": list(series), "series": list(series.values())})
    return [Point(row[0], row[1], tuple(row[2:])) for row in found]


def all_told_until(
    tx: Transaction, subjects: Collection[int], resolution: Resolution, now: datetime
) -> datetime | None:
    """Up to when all hosts of these subjects that still speak have told what they counted, as it is
    kept by this resolution; None: no such host."""
    row, cursor, progress = StatSubjectRow, StatCursorRow, StatProgressRow
    hosts = select(row.host_uid).where(row.id == func.any(list(subjects)))
    told = cursor.sampled_at if resolution is Resolution.RAW else progress.rolled_until
    query = (
        select(func.min(told))
        .select_from(cursor)
        .join(progress, progress.host_uid == cursor.host_uid)
        .where(cursor.host_uid.in_(hosts), cursor.sampled_at >= now - GAP)
    )
    found: datetime | None = tx.execute(query).scalar_one()
    if found is None or resolution is Resolution.RAW:
        return found
    return bucket_start(resolution, found)


_WANTED = (
    func.unnest(
        bindparam("subjects", type_=ARRAY(BigInteger)), bindparam("series", type_=ARRAY(Integer))
    )
    .table_valued("subject_id", "series", name="wanted")
    .render_derived()
)


def _raw(grid: Grid) -> CTE:
    """Spreads what was counted between two samples evenly over the buckets that they span."""
    part = _parts(grid)
    share = part.c.seconds / (part.c.t1 - part.c.t0)
    return (
        select(
            part.c.series,
            part.c.subject_id,
            part.c.bucket,
            func.sum(part.c.seconds).label("seconds"),
            *(func.sum(part.c[name] * share).label(name) for name in COUNTERS),
        )
        .where(part.c.seconds > 0)
        .group_by(part.c.series, part.c.subject_id, part.c.bucket)
        .cte("covered")
    )


def _parts(grid: Grid) -> CTE:
    """For each bucket that two samples span, the seconds of it that lie between them."""
    span = _spans(grid)
    width = grid.step.total_seconds()
    first = func.greatest(func.floor(span.c.t0 / width), 0)
    last = func.least(func.ceil(span.c.t1 / width), grid.points) - 1
    numbers = func.generate_series(cast(first, Integer), cast(last, Integer))
    bucket = numbers.table_valued("n").render_derived()
    begin = bucket.c.n * literal(width, Double)
    seconds = func.least(span.c.t1, begin + width) - func.greatest(span.c.t0, begin)
    parts = select(*span.c, bucket.c.n.label("bucket"), seconds.label("seconds"))
    return _once(parts.join(bucket, true()).cte("part"))


def _once(cte: CTE) -> CTE:
    """Work it out once for each row, and not wherever a column of it is named."""
    return cte.prefix_with("MATERIALIZED")


def _spans(grid: Grid) -> CTE:
    """What was counted between two samples, with seconds from the grid's beginning to both."""
    row = StatRawRow
    names = ("subject_id", "sampled_at", "epoch", *COUNTERS)
    samples = (
        select(_WANTED.c.series, *(getattr(row, name) for name in names))
        .join(_WANTED, _WANTED.c.subject_id == row.subject_id)
        .where(row.sampled_at >= _at(grid.start - GAP), row.sampled_at < _at(grid.end + GAP))
        .cte("sample")
    )
    step = steps(samples)
    spans = (
        select(
            step.c.series,
            step.c.subject_id,
            _seconds(step.c.began_at, grid).label("t0"),
            _seconds(step.c.sampled_at, grid).label("t1"),
            *(cast(step.c[name], Double).label(name) for name in COUNTERS),
        )
        .where(
            step.c.sampled_at - step.c.began_at <= GAP,
            step.c.sampled_at > _at(grid.start),
            step.c.began_at < _at(grid.end),
        )
        .cte("span")
    )
    return _once(spans)


def _rolled_up(grid: Grid) -> CTE:
    row = ROLLUP_ROWS[grid.resolution]
    since_start = _seconds(row.bucket_at, grid)
    bucket = cast(func.floor(since_start / grid.step.total_seconds()), Integer).label("bucket")
    return (
        select(
            _WANTED.c.series,
            row.subject_id,
            bucket,
            func.sum(row.covered_seconds).label("seconds"),
            *(cast(func.sum(getattr(row, name)), Double).label(name) for name in COUNTERS),
        )
        .join(_WANTED, _WANTED.c.subject_id == row.subject_id)
        .where(
            row.bucket_at >= _at(grid.start),
            row.bucket_at < _at(grid.end),
            row.across_gap == false(),
            row.covered_seconds > 0,
        )
        .group_by(_WANTED.c.series, row.subject_id, bucket)
        .cte("covered")
    )


def _at(moment: datetime) -> ColumnElement[datetime]:
    return literal(moment, DateTime(timezone=True))


def _seconds(at: SQLColumnExpression[datetime], grid: Grid) -> ColumnElement[float]:
    """From the beginning of the grid."""
    return cast(extract("epoch", at - _at(grid.start)), Double)
