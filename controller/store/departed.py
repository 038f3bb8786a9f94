"""What intent closed since each host last confirmed: the only things that a host may delete.

A version that an update closed is among them too; the compiler knows what exists again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text

from controller.domain.intent import Departed
from controller.store.engine import Transaction

_OWN = text("""
WITH since AS (
    SELECT * FROM unnest(CAST(:hosts AS uuid[]), CAST(:after AS bigint[])) AS t(host_uid, after)
)
SELECT host_uid, bridge.uid AS bridge_uid, NULL AS port_uid, NULL AS segment_uid
FROM since JOIN bridge USING (host_uid)
WHERE valid_to > after AND valid_to <= :revision
UNION
SELECT host_uid, NULL, port.uid, segment_uid
FROM since JOIN port USING (host_uid)
WHERE valid_to > after AND valid_to <= :revision
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


@dataclass(slots=True)
class _Closed:
    bridges: set[UUID] = field(default_factory=set)
    ports: set[UUID] = field(default_factory=set)
    segments: set[UUID] = field(default_factory=set)
    members: set[tuple[UUID, UUID]] = field(default_factory=set)

    def note(self, bridge: UUID | None, port: UUID | None, segment: UUID | None) -> None:
        if bridge is not None:
            self.bridges.add(bridge)
        if port is not None:
            self.ports.add(port)
        if segment is not None:
            self.segments.add(segment)

    def frozen(self) -> Departed:
        return Departed(
            frozenset(self.bridges),
            frozenset(self.ports),
            frozenset(self.segments),
            frozenset(self.members),
        )


def load_departed(
    tx: Transaction,
    carried: Mapping[UUID, Iterable[UUID]],
    revision: int,
    confirmed: Mapping[UUID, int],
) -> dict[UUID, Departed]:
    """By host, for what was closed after ``confirmed`` (0 when missing) up to ``revision``.

    ``carried`` maps each host to the segments that it is on at the revision."""
    closed: dict[UUID, _Closed] = defaultdict(_Closed)
    own = {
        "hosts": list(carried),
        "after": [confirmed.get(host, 0) for host in carried],
        "revision": revision,
    }
    for host, bridge, port, segment in tx.execute(_OWN, own):
        closed[host].note(bridge, port, segment)
    meshes = [
        (host, segment)
        for host, segments in carried.items()
        for segment in {*segments, *closed[host].segments}
    ]
    others = {
        "hosts": [host for host, _ in meshes],
        "segments": [segment for _, segment in meshes],
        "after": [confirmed.get(host, 0) for host, _ in meshes],
        "revision": revision,
    }
    for host, segment, other in tx.execute(_OTHERS, others):
        closed[host].members.add((segment, other))
    return {host: found.frozen() for host, found in closed.items()}
