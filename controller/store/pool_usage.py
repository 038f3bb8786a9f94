"""Who has the values of a pool: what is in use, and what is released and not free again yet.

One query counts and one reads a page, however many values there are. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    and_,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import INET, distinct_on
from sqlalchemy.orm import InstrumentedAttribute, aliased

from controller.domain.allocation import Range
from controller.domain.intent import Kind
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.former_vteps import has_former_vteps
from controller.store.held import is_unconfirmed_tunnel
from controller.store.tables import (
    HostRow,
    SegmentRow,
    TunnelRow,
    VniAllocationRow,
    VtepQuarantineRow,
)


class Holder(NamedTuple):
    """The first of those that have a value."""

    value: str
    kind: Kind
    project: str
    name: str
    since: datetime
    is_released: bool


class Counts(NamedTuple):
    used: int
    released: int


def count(tx: Transaction, ranges: Sequence[Range]) -> Counts:
    return Counts(*tx.execute(counted(ranges)).one())


def counted(ranges: Sequence[Range]) -> Select[int, int]:
    """What ``Counts`` is made of, of one pool."""
    holders = _holders(ranges)
    is_released = holders.c.is_released
    used, released = func.count().filter(~is_released), func.count().filter(is_released)
    return select(used, released).select_from(holders)


def read_page(
    tx: Transaction, ranges: Sequence[Range], *, limit: int, after: str | None
) -> list[Holder]:
    """In the order of the values, from behind ``after``."""
    holders = _holders(ranges)
    query = select(holders).order_by(holders.c.value).limit(limit)
    if after is not None:
        query = query.where(holders.c.value > cast(literal(after), holders.c.value.type))
    return [
        Holder(str(row.value), Kind(row.kind), row.project, row.name, row.since, row.is_released)
        for row in tx.execute(query)
    ]


def _holders(ranges: Sequence[Range]) -> Subquery:
    """One row for each value, in use before released."""
    parts = _of_vnis() if ranges[0].family == 0 else _of_vteps()
    of = BigInteger() if ranges[0].family == 0 else INET()
    every = union_all(*parts).subquery()
    value = cast(every.c.value, of)
    inside = or_(*(_is_in(value, each) for each in ranges))
    columns = [each for each in every.c if each.key != "value"]
    query = (
        select(value.label("value"), *columns)
        .where(inside)
        .ext(distinct_on(value))
        .order_by(value, every.c.is_released, every.c.kind, every.c.project, every.c.name)
    )
    return query.subquery("holders")


def _is_in(value: ColumnElement[Any], of: Range) -> ColumnElement[bool]:
    first, last = (cast(literal(of.word(end)), value.type) for end in (of.first, of.last))
    return value.between(first, last)


def _row(
    value: Any, kind: Kind, row: Any, since: Any, released: ColumnElement[bool]
) -> Select[Any]:
    return select(
        value.label("value"),
        literal(kind.value).label("kind"),
        row.project.label("project"),
        row.name.label("name"),
        since.label("since"),
        released.label("is_released"),
    )


def _of_vnis() -> list[Select[Any]]:
    given, tunnel = VniAllocationRow, TunnelRow
    is_released = given.released_revision.is_not(None)
    segments = _row(given.vni, Kind.SEGMENT, SegmentRow, given.since, is_released)
    tunnels = _row(tunnel.key, Kind.TUNNEL, tunnel, tunnel.created_at, true())
    return [
        segments.join(SegmentRow, SegmentRow.uid == given.segment_uid).where(
            _is_newest(SegmentRow, aliased(SegmentRow))
        ),
        _row(tunnel.key, Kind.TUNNEL, tunnel, tunnel.created_at, false()).where(
            objects.current(Kind.TUNNEL)
        ),
        tunnels.where(is_unconfirmed_tunnel()),
    ]


def _of_vteps() -> list[Select[Any]]:
    host, tunnel, kept = HostRow, TunnelRow, VtepQuarantineRow
    released = _row(kept.address, Kind.HOST, host, kept.since, true())
    segment = SegmentRow
    outside = func.jsonb_array_elements_text(segment.settings["external_vteps"])
    return [
        _row(func.unnest(host.former_vteps), Kind.HOST, host, host.updated_at, true()).where(
            has_former_vteps()
        ),
        *(
            _row(vtep, Kind.HOST, host, _had_since(vtep.key), false()).where(
                objects.current(Kind.HOST), vtep.is_not(None)
            )
            for vtep in (host.vtep_ipv4, host.vtep_ipv6)
        ),
        *(
            _row(ip, Kind.TUNNEL, tunnel, tunnel.created_at, false()).where(
                objects.current(Kind.TUNNEL), ip.is_not(None)
            )
            for ip in (tunnel.a_ip, tunnel.b_ip)
        ),
        _row(outside, Kind.SEGMENT, segment, segment.created_at, false()).where(
            objects.current(Kind.SEGMENT), segment.mentions.is_not(None)
        ),
        released.join(host, host.uid == kept.host_uid).where(
            kept.quarantined_until > func.now(), _is_newest(host, aliased(host))
        ),
    ]


def _had_since(vtep: str) -> ColumnElement[datetime]:
    """Since when a host has its address: the oldest version with it says."""
    version = aliased(HostRow)
    same = and_(version.uid == HostRow.uid, getattr(version, vtep) == getattr(HostRow, vtep))
    query = select(func.min(version.updated_at)).where(same)
    return query.correlate(HostRow).scalar_subquery()


def _is_newest(row: Any, later: Any) -> ColumnElement[bool]:
    """Of versions of one object, which need not exist any more."""
    newest: InstrumentedAttribute[int] = later.valid_from
    query = select(func.max(newest)).where(later.uid == row.uid)
    is_newest: ColumnElement[bool] = row.valid_from == query.correlate(row).scalar_subquery()
    return is_newest
