"""Reads what the meshes of segments are made of besides their members: profiles, addresses, hubs.

Each function is one query at most, and none where no segment says anything of the kind. Owns
nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import RowMapping, func, select, text

from controller.domain.intent import DEFAULT_PROJECT, Kind, Object, Ref, SegmentSpec
from controller.domain.topology import ArpMode
from controller.domain.validation import Lingering
from controller.domain.validation.meshes import tunnels_of
from controller.domain.validation.references import hosts_of_topology
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.lifecycles import CONFIRMED
from controller.store.segments import segment_spec
from controller.store.tables import HostRow, HostSegmentRow, PortRow, SegmentRow, TunnelProfileRow

Neighbours: TypeAlias = tuple[tuple[str, str], ...]
"""IP and MAC addresses."""


def load_profiles(tx: Transaction, segments: Iterable[Object], revision: int) -> dict[UUID, Object]:
    """The tunnel profiles at a revision, by the uids of the segments that refer to them."""
    named = {s.uid: s.spec.tunnel_profile for s in segments if isinstance(s.spec, SegmentSpec)}
    named = {uid: name for uid, name in named.items() if name is not None}
    if not named:
        return {}
    query = objects.versions(Kind.TUNNEL_PROFILE).where(
        TunnelProfileRow.project == DEFAULT_PROJECT,
        TunnelProfileRow.name == func.any(sorted({*named.values()})),
        objects.valid_at(Kind.TUNNEL_PROFILE, revision),
    )
    profiles = {found.name: found for found in objects.fetch(tx, Kind.TUNNEL_PROFILE, query)}
    return {uid: profiles[name] for uid, name in named.items() if name in profiles}


def profiles_beside(tx: Transaction, loaded: Collection[Object]) -> list[Object]:
    """The current profiles of these segments that are not among them."""
    named = {
        Ref(Kind.TUNNEL_PROFILE, DEFAULT_PROJECT, found.spec.tunnel_profile)
        for found in loaded
        if isinstance(found.spec, SegmentSpec) and found.spec.tunnel_profile is not None
    }
    return objects.fetch_refs(tx, named - {found.ref for found in loaded})


def segments_with_profiles(tx: Transaction, profiles: Collection[str]) -> frozenset[UUID]:
    if not profiles:
        return frozenset()
    query = select(SegmentRow.uid).where(
        SegmentRow.tunnel_profile == func.any(list(profiles)), objects.current(Kind.SEGMENT)
    )
    return frozenset(tx.execute(query).scalars())


def load_neighbours(
    tx: Transaction, segments: Iterable[Object], revision: int
) -> dict[UUID, Mapping[UUID, Neighbours]]:
    """The addresses on segments whose members answer for them, by segment and host."""
    answering, row = [s.uid for s in segments if answers(s)], PortRow
    if not answering:
        return {}
    query = select(row.segment_uid, row.host_uid, row.addresses, row.mac).where(
        row.segment_uid == func.any(answering),
        row.mac.is_not(None),
        row.host_uid.is_not(None),
        objects.once(Kind.PORT),
        objects.valid_at(Kind.PORT, revision),
    )
    found: dict[UUID, dict[UUID, Neighbours]] = defaultdict(lambda: defaultdict(tuple))
    for segment, host, addresses, mac in tx.execute(query):
        if segment is not None and host is not None and mac is not None:
            found[segment][host] += tuple((each.partition("/")[0], mac) for each in addresses)
    return {segment: dict(by_host) for segment, by_host in found.items()}


def answers(segment: Object) -> bool:
    spec = segment.spec
    return isinstance(spec, SegmentSpec) and spec.arp_mode is not ArpMode.FLOOD


def with_answers(tx: Transaction, segments: Iterable[UUID]) -> frozenset[UUID]:
    """Those of the segments whose members answer for addresses."""
    uids = list(segments)
    if not uids:
        return frozenset()
    query = select(SegmentRow.uid).where(
        SegmentRow.uid == func.any(uids),
        SegmentRow.settings.has_key("arp_mode"),
        objects.current(Kind.SEGMENT),
    )
    return frozenset(tx.execute(query).scalars())


def mentioning(tx: Transaction, words: Iterable[str]) -> list[Object]:
    """The segments that name one of these hosts, or one of these addresses as an outside VTEP."""
    asked = [word for word in words if objects.can_be_stored(word)]
    if not asked:
        return []
    query = objects.versions(Kind.SEGMENT).where(
        SegmentRow.mentions.bool_op("&&")(asked), objects.current(Kind.SEGMENT)
    )
    return objects.fetch(tx, Kind.SEGMENT, query)


def named_members(
    tx: Transaction, loaded: Collection[Object], asked: Iterable[Ref], touched: Iterable[UUID]
) -> dict[UUID, frozenset[str]]:
    """By segment with a topology that names hosts: those of them that are members, but for the
    touched ones.

    ``asked`` are the hosts that the request names, and the segments that it gives a topology."""
    refs = frozenset(asked)
    segments = [o for o in loaded if hosts_of_topology(o.spec) or o.ref in refs]
    uids = [found.uid for found in segments if found.kind is Kind.SEGMENT]
    names = {name for found in segments for name in hosts_of_topology(found.spec)}
    names |= {ref.name for ref in refs if ref.kind is Kind.HOST}
    if not uids or not names:
        return {}
    row = HostSegmentRow
    query = (
        select(row.segment_uid, HostRow.name)
        .join(HostRow, (HostRow.uid == row.host_uid) & objects.current(Kind.HOST))
        .where(
            row.segment_uid == func.any(uids),
            row.released_revision.is_(None),
            row.host_uid != func.all(list(touched)),
            HostRow.name == func.any([name for name in names if objects.can_be_stored(name)]),
        )
    )
    members: dict[UUID, set[str]] = defaultdict(set)
    for segment, name in tx.execute(query):
        members[segment].add(name)
    return {segment: frozenset(found) for segment, found in members.items()}


_LINGERING = text(f"""
WITH confirmed AS ({CONFIRMED}),
carrier AS (
    SELECT segment_uid, host.name, applied_revision
    FROM host_segment JOIN confirmed USING (host_uid)
    JOIN host ON host.uid = host_uid AND host.valid_to IS NULL
    WHERE segment_uid = ANY(CAST(:segments AS uuid[]))
),
slowest AS (SELECT segment_uid, min(applied_revision) AS applied FROM carrier GROUP BY segment_uid)
SELECT segment.*, ARRAY(
    SELECT name FROM carrier WHERE carrier.segment_uid = segment.uid
        AND (segment.valid_to > applied_revision OR segment.valid_to IS NULL)
    ORDER BY name LIMIT 10
) AS hosts
FROM segment JOIN slowest ON uid = segment_uid
WHERE valid_to > applied OR valid_to IS NULL
""")  # noqa: S608 (of constants)


def lingering(tx: Transaction, segments: Collection[UUID]) -> dict[UUID, tuple[Lingering, ...]]:
    """What these segments are or were, and some host may still have them as, also one that has no
    port on them any more."""
    if not segments:
        return {}
    found: dict[UUID, tuple[Lingering, ...]] = defaultdict(tuple)
    query = _LINGERING.columns(**{c.name: c.type for c in SegmentRow.__table__.columns})
    for row in tx.execute(query, {"segments": list(segments)}).mappings():
        found[row["uid"]] += (Lingering(segment_spec(row), tuple(row["hosts"])),)
    return dict(found)


_OUTSIDE = text("""
WITH asked AS (
    SELECT segment_uid, subnet FROM unnest(
        CAST(:segments AS uuid[]), CAST(CAST(:subnets AS text[]) AS cidr[])
    ) AS t(segment_uid, subnet)
)
SELECT DISTINCT ON (segment_uid) port.* FROM port
WHERE valid_to IS NULL
    AND CASE WHEN host_uid IS NULL THEN uid <> ALL(CAST(:named AS uuid[]))
        ELSE host_uid <> ALL(CAST(:touched AS uuid[])) END
    AND segment_uid IN (SELECT segment_uid FROM asked)
    AND EXISTS (
        SELECT FROM unnest(addresses) AS address WHERE NOT EXISTS (
            SELECT FROM asked WHERE asked.segment_uid = port.segment_uid
                AND CAST(host(CAST(address AS inet)) AS inet) <<= subnet
        )
    )
ORDER BY segment_uid, name
""").columns(**{each.name: each.type for each in PortRow.__table__.columns})


def outside_subnets(
    tx: Transaction,
    subnets: Mapping[UUID, Collection[str]],
    touched: Iterable[UUID],
    named: Iterable[UUID],
) -> dict[UUID, Object]:
    """By segment, a port on another host than these, or on none and not named, with an address in
    none of the subnets."""
    asked = [(segment, subnet) for segment, found in subnets.items() for subnet in found]
    if not asked:
        return {}
    values = {
        "segments": [segment for segment, _ in asked],
        "subnets": [subnet for _, subnet in asked],
        "touched": list(touched),
        "named": list(named),
    }
    rows = tx.execute(_OUTSIDE, values).mappings().all()
    return {row["segment_uid"]: objects.read(Kind.PORT, row) for row in rows}


_CARRIED = """
WITH carried AS (
    SELECT host_uid, segment_uid FROM host_segment
    WHERE host_uid = ANY(CAST(:hosts AS uuid[])) AND released_revision IS NULL
), mesh AS (
    SELECT segment_uid, count(*) AS members FROM host_segment
    WHERE released_revision IS NULL AND segment_uid IN (SELECT segment_uid FROM carried)
    GROUP BY segment_uid
)
"""

_FULL_MESHES = text(
    _CARRIED
    + """
SELECT host_uid, sum(
    members - 1 + jsonb_array_length(coalesce(settings -> 'external_vteps', '[]'))
) AS tunnels
FROM carried JOIN mesh USING (segment_uid)
JOIN segment ON uid = segment_uid AND valid_to IS NULL
WHERE backend = 'ovs' AND NOT settings ? 'topology'
GROUP BY host_uid
"""
)

_OTHER_MESHES = text(
    _CARRIED  # noqa: S608 (both parts are constants)
    + """
, named AS (
    SELECT segment.uid, array_agg(host.name) AS named
    FROM segment JOIN host_segment ON segment_uid = segment.uid AND released_revision IS NULL
    JOIN host ON host.uid = host_uid AND host.valid_to IS NULL
        AND host.name = ANY(segment.mentions)
    WHERE segment.uid IN (SELECT segment_uid FROM carried) AND segment.valid_to IS NULL
    GROUP BY segment.uid
)
SELECT
    carried.host_uid, host.name AS host_name, members, coalesce(named, '{}') AS named, segment.*
FROM carried JOIN mesh USING (segment_uid)
JOIN segment ON segment.uid = segment_uid AND segment.valid_to IS NULL
JOIN host ON host.uid = carried.host_uid AND host.valid_to IS NULL
LEFT JOIN named ON named.uid = segment.uid
WHERE backend = 'ovs' AND settings ? 'topology'
"""
).columns(**{each.name: each.type for each in SegmentRow.__table__.columns})


def mesh_tunnels(tx: Transaction, hosts: Collection[UUID]) -> dict[UUID, int]:
    """By host, how many tunnel ports Open vSwitch has there for segments of its backend."""
    if not hosts:
        return {}
    asked = {"hosts": list(hosts)}
    found = Counter({row.host_uid: int(row.tunnels) for row in tx.execute(_FULL_MESHES, asked)})
    for row in tx.execute(_OTHER_MESHES, asked).mappings():
        found[row["host_uid"]] += _tunnels_in(row)
    return dict(found)


def _tunnels_in(row: RowMapping) -> int:
    return tunnels_of(row["host_name"], segment_spec(row), row["named"], row["members"])
