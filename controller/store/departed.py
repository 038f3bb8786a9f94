"""What intent closed since each host last confirmed: the only things that a host may delete.

A version that an update closed is among them too; the compiler knows what exists again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from controller.domain.host_intent import Departed
from controller.store.engine import Transaction
from controller.store.host_groups import Ended, ended

_OWN = text("""
WITH since AS (
    SELECT * FROM unnest(CAST(:hosts AS uuid[]), CAST(:after AS bigint[])) AS t(host_uid, after)
)
SELECT host_uid, bridge.uid, CAST(NULL AS uuid), CAST(NULL AS uuid), CAST(NULL AS uuid), false
FROM since JOIN bridge USING (host_uid)
WHERE valid_to > after AND valid_to <= :revision
UNION
SELECT host_uid, NULL, port.uid, segment_uid, NULL, false
FROM since JOIN port USING (host_uid)
WHERE valid_to > after AND valid_to <= :revision
UNION
SELECT host_uid, NULL, NULL, NULL, tunnel.uid, false
FROM since JOIN tunnel ON a_host_uid = host_uid OR b_host_uid = host_uid
WHERE valid_to > after AND valid_to <= :revision
UNION
SELECT host_uid, NULL, NULL, NULL, NULL, true
FROM since JOIN host ON host.uid = host_uid
WHERE valid_to > after AND valid_to <= :revision AND overlay_bridge_ready
""")

_OTHERS = text("""
WITH mesh AS (
    SELECT * FROM unnest(
        CAST(:hosts AS uuid[]), CAST(:segments AS uuid[]), CAST(:after AS bigint[])
    ) AS t(host_uid, segment_uid, after)
)
SELECT DISTINCT mesh.host_uid, mesh.segment_uid, port.host_uid AS other_uid
FROM mesh JOIN port ON port.segment_uid = mesh.segment_uid AND port.host_uid <> mesh.host_uid
WHERE valid_to > after AND valid_to <= :revision
""")


_MESHES = text("""
WITH mesh AS (
    SELECT * FROM unnest(
        CAST(:hosts AS uuid[]), CAST(:segments AS uuid[]), CAST(:after AS bigint[])
    ) AS t(host_uid, segment_uid, after)
),
version AS (
    SELECT mesh.*, settings, valid_to <= :revision AS is_closed
    FROM mesh JOIN segment ON uid = segment_uid
    WHERE valid_from <= :revision AND (valid_to IS NULL OR valid_to > after)
        AND (settings <> '{}' OR valid_to <= :revision)
),
changed AS (
    SELECT host_uid, segment_uid FROM version GROUP BY host_uid, segment_uid
    HAVING bool_or(is_closed) AND bool_or(settings <> '{}')
    UNION
    SELECT host_uid, segment_uid
    FROM version CROSS JOIN LATERAL jsonb_array_elements_text(settings -> 'hubs') AS hub
    WHERE EXISTS (
        SELECT FROM port WHERE port.segment_uid = version.segment_uid
            AND CASE side WHEN 0 THEN port.host ELSE migrating_to END = hub
            AND (port.valid_from > after OR port.valid_to > after)
    )
)
SELECT DISTINCT host_uid, segment_uid, outside
FROM changed JOIN version USING (host_uid, segment_uid)
LEFT JOIN LATERAL jsonb_array_elements_text(settings -> 'external_vteps') AS outside ON true
""")
"""Segments by host whose tunnels may be others than they were, with the outside VTEPs of all of
their versions since. A port of a hub that came or went can move spokes from one hub to another."""


class _Closed(NamedTuple):
    """What one row of ``_OWN`` names."""

    host_uid: UUID
    bridge: UUID | None
    port: UUID | None
    segment: UUID | None
    tunnel: UUID | None
    ready_overlay: bool


def load_departed(
    tx: Transaction,
    carried: Mapping[UUID, Iterable[UUID]],
    revision: int,
    confirmed: Mapping[UUID, int],
) -> dict[UUID, Departed]:
    """By host, for what was closed after ``confirmed`` (0 when missing) up to ``revision``.

    ``carried`` maps each host to the segments that it is on at the revision."""
    own: dict[str, Any] = {
        "hosts": list(carried),
        "after": [confirmed.get(host, 0) for host in carried],
        "revision": revision,
    }
    closed: dict[UUID, list[_Closed]] = defaultdict(list)
    for row in tx.execute(_OWN, own):
        closed[row[0]].append(_Closed(*row))
    of_groups = ended(tx, own["hosts"], own["after"], revision)
    meshes = [
        (host, segment)
        for host, segments in carried.items()
        for segment in {*segments, *(c.segment for c in closed[host] if c.segment)}
    ]
    others = {
        "hosts": [host for host, _ in meshes],
        "segments": [segment for _, segment in meshes],
        "after": [confirmed.get(host, 0) for host, _ in meshes],
        "revision": revision,
    }
    members: dict[UUID, set[tuple[UUID, UUID]]] = defaultdict(set)
    for host, segment, other in tx.execute(_OTHERS, others):
        members[host].add((segment, other))
    relinked: dict[UUID, set[tuple[UUID, str | None]]] = defaultdict(set)
    for host, segment, vtep in tx.execute(_MESHES, others):
        relinked[host].add((segment, vtep))
    return {
        host: _departed(closed[host], of_groups[host], members[host], relinked[host])
        for host in carried
    }


def _departed(
    closed: Iterable[_Closed],
    of_groups: Iterable[Ended],
    members: Iterable[tuple[UUID, UUID]],
    relinked: Collection[tuple[UUID, str | None]],
) -> Departed:
    found = list(closed)
    return Departed(
        bridges=frozenset([*(c.bridge for c in found if c.bridge), *(e.bridge for e in of_groups)]),
        ports=frozenset(c.port for c in found if c.port),
        segments=frozenset(c.segment for c in found if c.segment),
        members=frozenset(members),
        ready_overlay=any(c.ready_overlay for c in found),
        tunnels=frozenset(c.tunnel for c in found if c.tunnel),
        relinked=frozenset(segment for segment, _ in relinked),
        vteps=frozenset((segment, vtep) for segment, vtep in relinked if vtep is not None),
    )
