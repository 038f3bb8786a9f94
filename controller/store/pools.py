"""What is free in pools, what is in use of them, and what they keep back for a while.

Owns ``vtep_quarantine``; ``vni_allocation`` is ``held``'s. Free values are chosen where they are
counted, so that a pool of millions costs no more than what is taken out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    CompoundSelect,
    Integer,
    Subquery,
    TableValuedAlias,
    Text,
    cast,
    column,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import TypeEngine

from controller.domain.allocation import Range, contains, parse_range, ranges_of
from controller.domain.definitions import PoolSpec, PoolType
from controller.domain.intent import HostSpec, Kind, Object, Spec
from controller.domain.validation.pools import Demand, Demands
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.former_vteps import has_former_vteps
from controller.store.held import taken_vnis
from controller.store.lifecycles import CONFIRMED
from controller.store.tables import HostRow, SegmentRow, TunnelRow, VtepQuarantineRow
from controller.store.writing import Writing

_UNPOOLED = ""


@dataclass(frozen=True, slots=True)
class Free:
    """As in ``World``."""

    vnis: tuple[int, ...] = ()
    pooled_vnis: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    pooled_vteps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outside_pools: Mapping[str, int] = field(default_factory=dict)


def every_pool(tx: Transaction) -> list[Object]:
    query = objects.versions(Kind.POOL).where(objects.current(Kind.POOL))
    return objects.fetch(tx, Kind.POOL, query)


def find_free(tx: Transaction, demands: Demands) -> Free:
    """At most one query for each type of pool, and one more where a pool is made smaller."""
    numbers = {**demands.vnis, _UNPOOLED: demands.unpooled}
    vnis = {pool: tuple(int(n) for n in found) for pool, found in _free(tx, _VNIS, numbers).items()}
    unpooled = vnis.pop(_UNPOOLED, ())
    return Free(
        unpooled,
        vnis,
        {pool: tuple(found) for pool, found in _free(tx, _VTEPS, demands.vteps).items()},
        {
            **_count(tx, _VNIS, {p: r for p, r in demands.narrowed.items() if r[0].family == 0}),
            **_count(tx, _VTEPS, {p: r for p, r in demands.narrowed.items() if r[0].family != 0}),
        },
    )


# --- free values ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Values:
    """One type of value: how PostgreSQL counts it, and which are taken."""

    of: TypeEngine[Any]

    def taken(self) -> CompoundSelect[Any]:
        return taken_vnis() if isinstance(self.of, BigInteger) else _taken_vteps()

    def end(self, of: Range, value: int) -> int | str:
        return value if isinstance(self.of, BigInteger) else of.word(value)


_VNIS = _Values(BigInteger())
_VTEPS = _Values(INET())


def _taken_vteps() -> CompoundSelect[str]:
    host, tunnel, kept, segment = HostRow, TunnelRow, VtepQuarantineRow, SegmentRow
    outside = func.jsonb_array_elements_text(segment.settings["external_vteps"])
    columns = (
        select(host.vtep_ipv4).where(objects.current(Kind.HOST), host.vtep_ipv4.is_not(None)),
        select(host.vtep_ipv6).where(objects.current(Kind.HOST), host.vtep_ipv6.is_not(None)),
        select(func.unnest(host.former_vteps)).where(has_former_vteps()),
        select(tunnel.a_ip).where(objects.current(Kind.TUNNEL), tunnel.a_ip.is_not(None)),
        select(tunnel.b_ip).where(objects.current(Kind.TUNNEL), tunnel.b_ip.is_not(None)),
        select(outside).where(objects.current(Kind.SEGMENT), segment.mentions.is_not(None)),
        select(kept.address).where(kept.quarantined_until > func.now()),
        select(_GIVEN_UP.c.address),
    )
    return union(*columns)


_GIVEN_UP = (
    text(f"""
WITH confirmed AS ({CONFIRMED}),
lagging AS (
    SELECT host_uid, applied_revision FROM confirmed JOIN host ON host.uid = host_uid
    WHERE host.valid_to IS NULL
),
closed AS (
    SELECT uid, valid_to, address FROM host
    CROSS JOIN unnest(vteps || former_vteps) AS address
    WHERE valid_to > (SELECT min(applied_revision) FROM lagging) AND NOT EXISTS (
        SELECT FROM host AS now WHERE now.valid_to IS NULL
            AND (now.vtep_ipv4 = address OR now.vtep_ipv6 = address)
    )
)
SELECT DISTINCT address FROM closed
WHERE EXISTS (
    SELECT FROM lagging WHERE host_uid = closed.uid AND applied_revision < closed.valid_to
) OR EXISTS (
    SELECT FROM port AS there JOIN port AS here USING (segment_uid)
    JOIN lagging ON lagging.host_uid = here.host_uid AND applied_revision < closed.valid_to
    WHERE there.host_uid = closed.uid AND coalesce(there.valid_to > applied_revision, true)
        AND coalesce(here.valid_to > applied_revision, true)
) OR EXISTS (
    SELECT FROM tunnel
    JOIN lagging ON host_uid IN (a_host_uid, b_host_uid) AND applied_revision < closed.valid_to
    WHERE closed.uid IN (a_host_uid, b_host_uid)
        AND coalesce(tunnel.valid_to > applied_revision, true)
)
""")  # noqa: S608 (of constants)
    .columns(address=Text)
    .subquery("given_up")
)
"""VTEPs that no host has any more, and that their hosts, or others with tunnels to them, have not
confirmed to have given up. Costs as much as the meshes of the hosts that gave one up."""


def _taken(values: _Values) -> CTE:
    taken = values.taken().subquery()
    (only,) = taken.c
    return select(cast(only, values.of).label("value")).cte("taken")


def _ranges(values: _Values, demands: Mapping[str, Demand]) -> TableValuedAlias:
    rows = [(pool, each, d.count) for pool, d in demands.items() for each in d.ranges]
    pools = literal([pool for pool, _, _ in rows], ARRAY(Text))
    firsts = cast([str(values.end(each, each.first)) for _, each, _ in rows], ARRAY(Text))
    lasts = cast([str(values.end(each, each.last)) for _, each, _ in rows], ARRAY(Text))
    counts = literal([count for _, _, count in rows], ARRAY(Integer))
    of = ARRAY(values.of)
    return (
        func.unnest(pools, cast(firsts, of), cast(lasts, of), counts)
        .table_valued(
            column("pool", Text),
            column("first", values.of),
            column("last", values.of),
            column("wanted", Integer),
        )
        .render_derived("ranges")
    )


def _free(tx: Transaction, values: _Values, demands: Mapping[str, Demand]) -> dict[str, list[str]]:
    """By pool, its smallest values that are not taken.

    Of a range that ``taken`` values of are in use, the first ``taken + n`` hold ``n`` free ones; no
    more of a range is looked at than the ranges before it leave to be found."""
    asked = {pool: demand for pool, demand in demands.items() if demand.count and demand.ranges}
    if not asked:
        return {}
    taken = _taken(values)
    known = _known_ranges(_ranges(values, asked), taken)
    length = func.least(known.c.size, known.c.taken + known.c.wanted - known.c.before)
    offset = func.generate_series(0, length - 1).table_valued("number")
    offset = offset.render_derived("series")
    value = known.c.first.op("+", return_type=values.of)(offset.c.number).label("value")
    candidates = (
        select(known.c.pool, known.c.wanted, value)
        .select_from(known.join(offset, true()))
        .where(known.c.before < known.c.wanted)
        .subquery("candidates")
    )
    is_taken = exists().where(taken.c.value == candidates.c.value)
    text = cast(candidates.c.value, Text)
    word = text if values is _VNIS else func.host(candidates.c.value)
    query = (
        select(candidates.c.pool, word, candidates.c.wanted)
        .where(~is_taken)
        .order_by(candidates.c.pool, candidates.c.value)
    )
    found: dict[str, list[str]] = {pool: [] for pool in asked}
    for pool, free, wanted in tx.execute(query):
        if len(found[pool]) < wanted:
            found[pool].append(free)
    return found


def _known_ranges(ranges: TableValuedAlias, taken: CTE) -> Subquery:
    """Each range with how much of it is taken, and how much is free in those before it."""
    r = ranges.c
    size = r.last.op("-", return_type=BigInteger())(r.first) + 1
    counted = (
        select(r.pool, r.first, r.wanted, size.label("size"), func.count(taken.c.value).label("n"))
        .select_from(ranges.outerjoin(taken, taken.c.value.between(r.first, r.last)))
        .group_by(r.pool, r.first, r.last, r.wanted)
        .subquery("counted")
    )
    c = counted.c
    free = c.size - c.n
    upto = cast(func.sum(free).over(partition_by=c.pool, order_by=c.first), BigInteger)
    return select(
        c.pool, c.first, c.wanted, c.size, c.n.label("taken"), (upto - free).label("before")
    ).subquery("known")


def _count(
    tx: Transaction, values: _Values, ranges: Mapping[str, tuple[Range, ...]]
) -> dict[str, int]:
    """By pool, how many values of these ranges are taken."""
    if not ranges:
        return {}
    asked = _ranges(values, {pool: Demand(each, 0) for pool, each in ranges.items()})
    taken = _taken(values)
    query = (
        select(asked.c.pool, func.count().label("number"))
        .select_from(asked.join(taken, taken.c.value.between(asked.c.first, asked.c.last)))
        .group_by(asked.c.pool)
    )
    return {found.pool: found.number for found in tx.execute(query)}


# --- what is kept back ---------------------------------------------------------------------------


def quarantine_vnis(
    tx: Transaction, released: Iterable[int], now: datetime
) -> dict[int, datetime | None]:
    """Until when the pool that each is of keeps it; None: no longer than its hosts have it."""
    numbers = list(released)
    pools = every_pool(tx) if numbers else []
    return {vni: _until(pools, PoolType.VNI, str(vni), now) for vni in numbers}


def settle_vteps(tx: Transaction, writing: Writing) -> None:
    """Keep back what hosts gave up, and forget that of what they have (again)."""
    before = {v.uid: _held(v.spec) for v in writing.replaced}
    has = {vtep for d in writing.drafts for vtep in _held(d.spec)}
    given_up = {vtep: uid for uid, had in before.items() for vtep in had if vtep not in has}
    pools = every_pool(tx) if given_up else []
    row = VtepQuarantineRow
    if given_up or has:
        is_over = or_(row.address == func.any(list(has)), row.quarantined_until <= writing.now)
        tx.execute(delete(row).where(is_over))
    rows = [
        {"address": vtep, "host_uid": uid, "since": writing.now, "quarantined_until": until}
        for vtep, uid in given_up.items()
        if (until := _until(pools, PoolType.VTEP, vtep, writing.now)) is not None
    ]
    if rows:
        statement = upsert(row)
        new = statement.excluded
        again = {name: new[name] for name in ("host_uid", "since", "quarantined_until")}
        tx.execute(statement.on_conflict_do_update(index_elements=["address"], set_=again), rows)


def _held(spec: Spec) -> tuple[str, ...]:
    return (*spec.vteps, *spec.former_vteps) if isinstance(spec, HostSpec) else ()


def _until(pools: Iterable[Object], of: PoolType, word: str, now: datetime) -> datetime | None:
    value = parse_range(of, word)
    for spec in _specs(pools, of):
        if value is not None and contains(ranges_of(spec), value.family, value.first):
            return now + timedelta(seconds=spec.quarantine_s) if spec.quarantine_s else None
    return None


def _specs(pools: Iterable[Object], of: PoolType) -> Iterator[PoolSpec]:
    specs = (pool.spec for pool in pools)
    return (spec for spec in specs if isinstance(spec, PoolSpec) and spec.type is of)
