"""Hosts that are being decommissioned: what is left on each, whether it has let go of the rest, and
who may still have a tunnel to it. Reads only.

What a host has is the state that it applied last. Who applied one in which both had a port on a
segment, or an end of one tunnel, has a tunnel to the other: the versions of ports and tunnels tell,
long after the memberships are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, func, select, text

from controller.domain.departures import MOST_NAMED, OF_GROUPS, Departure
from controller.domain.host_intent import Departed
from controller.domain.intent import Kind, Lifecycle, Object
from controller.store import objects
from controller.store.departed import load_departed
from controller.store.engine import Transaction
from controller.store.fleet import read_fleet
from controller.store.host_groups import uids_on
from controller.store.lifecycles import CONFIRMED, left_on
from controller.store.monitoring import load_gone
from controller.store.tables import HostRow, ResourceFailureRow

_AWAITED = text(f"""
WITH peer AS MATERIALIZED (
    SELECT uid, least(confirmed.applied_revision, said.pinned_revision) AS revision,
        name || CASE WHEN said.connected AND NOT said.silent THEN '' ELSE ' (not heard)' END AS name
    FROM ({CONFIRMED}) AS confirmed
    JOIN host ON uid = confirmed.host_uid AND valid_to IS NULL AND state <> 'removed'
    LEFT JOIN host_status AS said ON said.host_uid = uid
), slowest AS MATERIALIZED (
    SELECT min(revision) AS revision FROM peer
), ended AS MATERIALIZED (
    SELECT host_uid, segment_uid, valid_from, valid_to FROM port
    WHERE host_uid = ANY(CAST(:hosts AS uuid[])) AND segment_uid IS NOT NULL
        AND valid_to > (SELECT revision FROM slowest)
), cut AS MATERIALIZED (
    SELECT leaving AS host_uid, tunnel.uid, valid_to,
        CASE leaving WHEN a_host_uid THEN b_host_uid ELSE a_host_uid END AS other
    FROM unnest(CAST(:hosts AS uuid[])) AS leaving
    JOIN tunnel ON a_host_uid = leaving OR b_host_uid = leaving
    WHERE valid_to IS NOT NULL
), awaited AS (
    SELECT ended.host_uid, peer.name FROM ended
    JOIN port AS there ON there.segment_uid = ended.segment_uid
        AND there.host_uid <> ended.host_uid AND there.valid_from < ended.valid_to
        AND (there.valid_to IS NULL OR there.valid_to > ended.valid_from)
    JOIN peer ON peer.uid = there.host_uid AND peer.revision < ended.valid_to
        AND (there.valid_to IS NULL OR there.valid_to > peer.revision)
    UNION SELECT cut.host_uid, peer.name FROM cut
    JOIN peer ON peer.uid = cut.other AND peer.revision < cut.valid_to
    UNION SELECT leaving, peer.name FROM unnest(CAST(:hosts AS uuid[])) AS leaving
    JOIN resource_failure AS failure ON failure.resource LIKE 'tunnel:%'
        AND split_part(failure.resource, '/', 2) = leaving::text
    JOIN peer ON peer.uid = failure.host_uid
    UNION SELECT cut.host_uid, peer.name FROM cut
    JOIN resource_failure AS failure ON failure.object_uid = cut.uid
    JOIN peer ON peer.uid = failure.host_uid AND peer.uid <> cut.host_uid
)
SELECT host_uid, name FROM (
    SELECT *, row_number() OVER (PARTITION BY host_uid ORDER BY name) AS number FROM awaited
) AS numbered
WHERE number <= :most ORDER BY host_uid, name
""").columns(host_uid=Uuid, name=Text)  # noqa: S608 (of constants)
"""With those that report trouble with a tunnel to the host: they have it, whatever they applied."""

_APPLIED = text(f"""
SELECT host_uid, applied_revision FROM ({CONFIRMED}) AS confirmed
WHERE host_uid = ANY(CAST(:hosts AS uuid[]))
""").columns(host_uid=Uuid, applied_revision=BigInteger)  # noqa: S608 (of constants)


def departures_of(tx: Transaction, hosts: Sequence[UUID]) -> dict[UUID, Departure]:
    """How far each of these hosts has come, in a fixed number of queries."""
    left = _left(tx, hosts)
    empty = [uid for uid, counts in left.items() if not any(counts.values())]
    unconfirmed = _unconfirmed(tx, empty) if empty else frozenset()
    peers = _awaited(tx, empty) if empty else {}
    return {
        uid: Departure(counts, uid in unconfirmed, peers.get(uid, ()))
        for uid, counts in left.items()
    }


def any_leaving(tx: Transaction) -> list[UUID]:
    """The hosts that are being decommissioned; the oldest changes first."""
    row = HostRow
    # In the words of the index of hosts that are not active.
    query = select(row.uid).where(
        objects.current(Kind.HOST),
        row.state != Lifecycle.ACTIVE,
        row.state == Lifecycle.DECOMMISSIONING,
    )
    return list(tx.execute(query.order_by(row.valid_from, row.uid)).scalars())


def host_of(tx: Transaction, uid: UUID) -> Object | None:
    """The host if it is still being decommissioned."""
    query = objects.versions(Kind.HOST).where(
        HostRow.uid == uid, objects.current(Kind.HOST), HostRow.state == Lifecycle.DECOMMISSIONING
    )
    return next(iter(objects.fetch(tx, Kind.HOST, query)), None)


def _left(tx: Transaction, hosts: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """How many objects are on each of the hosts, with those that labels bring there."""
    of_groups = uids_on(tx, hosts)
    return {
        uid: {
            **{kind.value: number for kind, number in own.items()},
            OF_GROUPS: len(of_groups[uid]),
        }
        for uid, own in left_on(tx, hosts).items()
    }


def _unconfirmed(tx: Transaction, hosts: Sequence[UUID]) -> frozenset[UUID]:
    """Those of the hosts that may still have something, or report trouble of any kind."""
    said = tx.execute(_APPLIED, {"hosts": list(hosts)})
    applied: dict[UUID, int] = {uid: revision for uid, revision in said}  # noqa: C416 (rows)
    if not applied:
        return frozenset()
    head = read_fleet(tx).revision
    departed = load_departed(tx, dict.fromkeys(applied, ()), head, applied)
    mirrors = load_gone(tx, list(applied), head, applied).mirrors
    failure = ResourceFailureRow
    query = select(failure.host_uid).where(
        failure.host_uid == func.any(list(applied)), failure.reason != "AgentTooOld"
    )
    troubled = frozenset(tx.execute(query.distinct()).scalars())
    return troubled | {
        uid for uid in applied if mirrors.get(uid) or _names_something(departed.get(uid))
    }


def _names_something(departed: Departed | None) -> bool:
    return departed is not None and bool(
        departed.bridges or departed.ports or departed.segments or departed.tunnels
    )


def _awaited(tx: Transaction, hosts: Iterable[UUID]) -> dict[UUID, tuple[str, ...]]:
    """By host, the names of whom it waits for: the first of them, and one more where there are more
    than ``MOST_NAMED``."""
    found: dict[UUID, tuple[str, ...]] = dict.fromkeys(hosts, ())
    for uid, name in tx.execute(_AWAITED, {"hosts": list(found), "most": MOST_NAMED + 1}):
        found[uid] += (name,)
    return found
