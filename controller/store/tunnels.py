"""Reads explicit tunnels in the ways that the rules need; see ``controller.domain.validation``.

Each function is a fixed number of queries, however many tunnels there are. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Uuid,
    and_,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from controller.domain.intent import DEFAULT_PROJECT, Kind, Object, Ref
from controller.domain.validation import Departing, Outside, Place, inner_places, places
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.lifecycles import CONFIRMED
from controller.store.tables import PortRow, TunnelRow


def _by_name(row: type[TunnelRow | PortRow]) -> dict[str, TypeEngine[Any]]:
    """The types of a table's columns; their order differs where a migration added some."""
    return {each.name: each.type for each in row.__table__.columns}


_KEYS = range(1, 1 << 24)
_UDP_PORTS = range(1, 1 << 16)
_IS_PATCH = PortRow.patch_bridge_uid.is_not(None)

_GIVEN = """
WITH RECURSIVE given(host, bridge, ip, key, dst_port) AS (
    SELECT host, bridge, NULL, NULL, NULL
    FROM unnest(CAST(:hosts AS uuid[]), CAST(:bridges AS uuid[])) AS bridges(host, bridge)
    UNION ALL
    SELECT NULL, NULL, ip, key, dst_port
    FROM unnest(CAST(:ips AS text[]), CAST(:keys AS bigint[]), CAST(:ports AS bigint[]))
        AS outsides(ip, key, dst_port)
)
"""

# A segment stands where a bridge does, and has no host: uids tell them apart.
# By place and not by tunnel: of a star with n tunnels, each would have to meet all others.
_BRIDGES_REACHED = text(
    _GIVEN  # noqa: S608 (both parts are constants)
    + """
, place AS (
    SELECT * FROM given
    UNION
    SELECT far.* FROM place CROSS JOIN LATERAL (
        SELECT b_host_uid, b_bridge_uid, CASE WHEN b_bridge_uid IS NULL THEN b_ip END,
            CASE WHEN b_bridge_uid IS NULL THEN tunnel.key END,
            CASE WHEN b_bridge_uid IS NULL THEN tunnel.dst_port END
        FROM tunnel
        WHERE valid_to IS NULL AND a_bridge_uid = place.bridge AND a_host_uid = place.host
        UNION ALL
        SELECT a_host_uid, a_bridge_uid, NULL, NULL, NULL
        FROM tunnel
        WHERE valid_to IS NULL AND b_bridge_uid = place.bridge AND b_host_uid = place.host
        UNION ALL
        SELECT a_host_uid, a_bridge_uid, NULL, NULL, NULL
        FROM tunnel WHERE valid_to IS NULL AND b_bridge_uid IS NULL
            AND b_ip = place.ip AND tunnel.key = place.key AND tunnel.dst_port = place.dst_port
        UNION ALL
        SELECT host_uid, patch_bridge_uid, NULL, NULL, NULL
        FROM port WHERE valid_to IS NULL AND patch_bridge_uid IS NOT NULL
            AND bridge_uid = place.bridge AND host_uid = place.host
        UNION ALL
        SELECT host_uid, patch_bridge_uid, NULL, NULL, NULL
        FROM port WHERE valid_to IS NULL AND patch_bridge_uid IS NOT NULL
            AND segment_uid = place.bridge
        UNION ALL
        SELECT CASE WHEN bridge_uid IS NOT NULL THEN host_uid END,
            coalesce(bridge_uid, segment_uid), NULL, NULL, NULL
        FROM port
        WHERE valid_to IS NULL AND patch_bridge_uid = place.bridge AND host_uid = place.host
    ) AS far
)
SELECT DISTINCT host, bridge FROM place WHERE bridge IS NOT NULL
"""
)

_INHABITED = text(
    _GIVEN  # noqa: S608 (both parts are constants)
    + """
SELECT place.* FROM given AS place WHERE EXISTS (
    SELECT FROM tunnel
    WHERE valid_to IS NULL AND a_bridge_uid = place.bridge AND a_host_uid = place.host
) OR EXISTS (
    SELECT FROM tunnel
    WHERE valid_to IS NULL AND b_bridge_uid = place.bridge AND b_host_uid = place.host
) OR EXISTS (
    SELECT FROM tunnel WHERE valid_to IS NULL AND b_bridge_uid IS NULL
        AND b_ip = place.ip AND tunnel.key = place.key AND tunnel.dst_port = place.dst_port
) OR EXISTS (
    SELECT FROM port WHERE valid_to IS NULL AND patch_bridge_uid IS NOT NULL
        AND bridge_uid = place.bridge AND host_uid = place.host
) OR EXISTS (
    SELECT FROM port WHERE valid_to IS NULL AND patch_bridge_uid IS NOT NULL
        AND segment_uid = place.bridge
) OR EXISTS (
    SELECT FROM port
    WHERE valid_to IS NULL AND patch_bridge_uid = place.bridge AND host_uid = place.host
)
"""
)

_DEPARTING = text(f"""
WITH confirmed AS ({CONFIRMED}),
lagging AS (
    SELECT host_uid, applied_revision FROM confirmed JOIN host ON host.uid = host_uid
    WHERE host.valid_to IS NULL
),
carried AS (
    SELECT uid, valid_to, host_uid, false AS is_stuck FROM lagging
    JOIN tunnel ON a_host_uid = host_uid AND valid_to > applied_revision
    UNION ALL
    SELECT uid, valid_to, host_uid, false FROM lagging
    JOIN tunnel ON b_host_uid = host_uid AND valid_to > applied_revision
    UNION ALL
    SELECT uid, valid_to, host_uid, true FROM resource_failure
    JOIN tunnel ON uid = object_uid AND host_uid IN (a_host_uid, b_host_uid)
)
SELECT tunnel.*, bool_or(is_stuck) AS is_stuck
FROM tunnel JOIN carried USING (uid, valid_to)
WHERE NOT EXISTS (SELECT FROM tunnel AS now WHERE now.uid = tunnel.uid AND now.valid_to IS NULL)
GROUP BY tunnel.uid, tunnel.valid_from
HAVING count(DISTINCT host_uid) = num_nonnulls(a_host_uid, b_host_uid)
""").columns(is_stuck=Boolean, **_by_name(TunnelRow))  # noqa: S608 (of constants)


_DEPARTING_PATCHES = text(f"""
WITH confirmed AS ({CONFIRMED}),
carried AS (
    SELECT port.uid, port.valid_to, false AS is_stuck FROM confirmed
    JOIN host ON host.uid = confirmed.host_uid AND host.valid_to IS NULL
    JOIN port ON port.host_uid = confirmed.host_uid AND port.valid_to > applied_revision
    UNION ALL
    SELECT uid, max(valid_to), true FROM resource_failure
    JOIN port ON uid = object_uid AND port.host_uid = resource_failure.host_uid
    GROUP BY uid HAVING bool_and(valid_to IS NOT NULL)
)
SELECT port.*, bool_or(is_stuck) AS is_stuck FROM port JOIN carried USING (uid, valid_to)
WHERE patch_bridge_uid IS NOT NULL
GROUP BY port.uid, port.valid_from, port.side
""").columns(is_stuck=Boolean, **_by_name(PortRow))  # noqa: S608 (of constants)

_LEAVING = (
    (Kind.TUNNEL, _DEPARTING, (("a_host_uid", "a_bridge_uid"), ("b_host_uid", "b_bridge_uid"))),
    (
        Kind.PORT,
        _DEPARTING_PATCHES,
        (("host_uid", "bridge_uid"), ("host_uid", "patch_bridge_uid")),
    ),
)

Known: TypeAlias = tuple[UUID | None, UUID]
"""Uids of a place's host and bridge; a segment is on no host."""


def known_places(places: Iterable[Place], uids: Mapping[Ref, UUID]) -> dict[Place, Known]:
    """Of bridges and segments that exist already."""
    found = ((place, _known(place, uids)) for place in places)
    return {place: known for place, known in found if known is not None}


def _known(place: Place, uids: Mapping[Ref, UUID]) -> Known | None:
    if isinstance(place, Outside):
        return None
    if isinstance(place, Ref):
        return (None, uids[place]) if place in uids else None
    host = uids.get(Ref(Kind.HOST, DEFAULT_PROJECT, place.host))
    bridge = uids.get(Ref(Kind.BRIDGE, DEFAULT_PROJECT, place.bridge))
    return None if host is None or bridge is None else (host, bridge)


def departing(tx: Transaction) -> tuple[tuple[Departing, ...], dict[Place, Known]]:
    """The deleted tunnels and the deleted or changed patches that all of their hosts may still
    carry as they were, and the uids of where they end."""
    found: list[Departing] = []
    known: dict[Place, Known] = {}
    for kind, query, columns in _LEAVING:
        for row in tx.execute(query).mappings():
            left = objects.read(kind, row)
            found.append(Departing(left.ref, left.spec, row["is_stuck"]))
            # A patch that is a segment's provider attachment begins at no bridge.
            ends = (
                (row[host], row[bridge]) if row[bridge] else (None, row["segment_uid"])
                for host, bridge in columns
            )
            joined = zip(places(left.ref, left.spec), ends, strict=True)
            known |= {place: end for place, end in joined if not isinstance(place, Outside)}
    return tuple(found), known


def flooding_component(
    tx: Transaction,
    links: Collection[tuple[Place, Place]],
    known: Mapping[Place, Known],
    leaving: Iterable[Departing],
) -> list[Object]:
    """The tunnels and patches that a new link may close a circle with, given the uids of existing
    bridges and segments.

    All that can be reached by going from one to the next over what both end at, and over what
    leaves; the UNION without ALL ends, because it goes on from each place once."""
    asked = {place for link in links for place in link}
    left = {place for each in leaving for place in places(each.ref, each.spec)}
    inner = inner_places(links, _inhabited(tx, asked, known) | left) if links else frozenset()
    if not inner:
        return []
    reached = tx.execute(_BRIDGES_REACHED, _given(inner | left, known)).all()
    bridges = [(host, bridge) for host, bridge in reached if host is not None]
    segments = [segment for host, segment in reached if host is None]
    tunnel, port = TunnelRow, PortRow
    tunnels = _are_at(bridges, tunnel.a_host_uid, tunnel.a_bridge_uid), objects.current(Kind.TUNNEL)
    near = _are_at(bridges, port.host_uid, port.bridge_uid) | (
        port.segment_uid == func.any(segments)
    )
    patches = _IS_PATCH, near, objects.current(Kind.PORT)
    return [
        *objects.fetch(tx, Kind.TUNNEL, objects.versions(Kind.TUNNEL).where(*tunnels)),
        *objects.fetch(tx, Kind.PORT, objects.versions(Kind.PORT).where(*patches)),
    ]


def _are_at(
    bridges: Collection[tuple[UUID, UUID]],
    host: InstrumentedAttribute[Any],
    bridge: InstrumentedAttribute[Any],
) -> ColumnElement[bool]:
    pairs = select(
        func.unnest(literal([host for host, _ in bridges], ARRAY(Uuid))),
        func.unnest(literal([bridge for _, bridge in bridges], ARRAY(Uuid))),
    )
    # The bridge alone again, because that can be looked up in an index.
    is_one = bridge == func.any([uid for _, uid in bridges])
    return and_(is_one, tuple_(host, bridge).in_(pairs))


def _inhabited(
    tx: Transaction, asked: Collection[Place], known: Mapping[Place, Known]
) -> frozenset[Place]:
    found = {known[place]: place for place in asked if place in known}
    rows = tx.execute(_INHABITED, _given(asked, known))
    return frozenset(
        Outside(ip, key, port) if bridge is None else found[host, bridge]
        for host, bridge, ip, key, port in rows
    )


def _given(asked: Iterable[Place], known: Mapping[Place, Known]) -> dict[str, list[Any]]:
    """Leaves out what does not exist yet, and numbers that PostgreSQL cannot even be asked for."""
    wanted = list(asked)
    ends = [known[place] for place in wanted if place in known]
    outsides = [
        place
        for place in wanted
        if isinstance(place, Outside) and place.key in _KEYS and place.dst_port in _UDP_PORTS
    ]
    return {
        "hosts": [host for host, _ in ends],
        "bridges": [bridge for _, bridge in ends],
        "ips": [place.ip for place in outsides],
        "keys": [place.key for place in outsides],
        "ports": [place.dst_port for place in outsides],
    }


def looked_at(
    tx: Transaction,
    *,
    hosts: Collection[UUID],
    targets: Collection[UUID],
    bridges: Collection[UUID],
    keys: Iterable[int],
) -> list[Object]:
    """Those with an end on the hosts that the rules look at, however many others there are: all of
    the targets, those at the bridges or with the keys, and one for each host and UDP port."""
    row = TunnelRow
    there = (objects.on_hosts(Kind.TUNNEL, hosts), objects.current(Kind.TUNNEL))
    one_each = [
        select(row.uid)
        .where(*there)
        .ext(distinct_on(host, row.dst_port))
        .order_by(host, row.dst_port, row.name)
        for host in (row.a_host_uid, row.b_host_uid)
    ]
    looked_at = or_(
        objects.on_hosts(Kind.TUNNEL, targets),
        row.a_bridge_uid == func.any(list(bridges)),
        row.b_bridge_uid == func.any(list(bridges)),
        row.key == func.any([key for key in keys if key in _KEYS]),
        *(row.uid.in_(each) for each in one_each),
    )
    query = objects.versions(Kind.TUNNEL).where(*there, looked_at)
    return objects.fetch(tx, Kind.TUNNEL, query)


def with_ips(tx: Transaction, ips: Iterable[str]) -> list[Object]:
    """Tunnels with an end whose own address is one of these."""
    addresses = list(ips)
    if not addresses:
        return []
    query = objects.versions(Kind.TUNNEL).where(
        or_(TunnelRow.a_ip == func.any(addresses), TunnelRow.b_ip == func.any(addresses)),
        objects.current(Kind.TUNNEL),
    )
    return objects.fetch(tx, Kind.TUNNEL, query)


def ports_beside(tx: Transaction, hosts: Iterable[UUID]) -> list[Object]:
    """The ports on the bridges at either end of the tunnels that have an end on these hosts."""
    row = TunnelRow
    tunnels = (objects.on_hosts(Kind.TUNNEL, list(hosts)), objects.current(Kind.TUNNEL))
    at = tuple_(PortRow.host_uid, PortRow.bridge_uid)
    query = objects.versions(Kind.PORT).where(
        or_(
            at.in_(select(row.a_host_uid, row.a_bridge_uid).where(*tunnels)),
            at.in_(select(row.b_host_uid, row.b_bridge_uid).where(*tunnels)),
        ),
        and_(PortRow.bridge_uid.is_not(None), objects.current(Kind.PORT)),
    )
    return objects.fetch(tx, Kind.PORT, query)
