"""Hosts whose change of VTEP has not ended, and whom each step of it waits for. Reads only.

What is known of is the state that a host applied last: one that has no session never got any, and
one that is being decommissioned is not waited for. One that applies nothing for now is, whatever it
has: in maintenance, held, or gone back to a revision before.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, and_, func, literal, select, text

from controller.domain.intent import Kind, Object
from controller.domain.vtep_changes import MOST_NAMED
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.lifecycles import CONFIRMED
from controller.store.tables import HostRow

_KNOWN = f"""
WITH changing AS MATERIALIZED (
    SELECT uid, valid_from, (
        SELECT coalesce(max(before.valid_to), now.valid_from) FROM host AS before
        WHERE before.uid = now.uid AND before.valid_to IS NOT NULL
            AND (before.vteps, before.former_vteps, before.vtep_steps)
                IS DISTINCT FROM (now.vteps, now.former_vteps, now.vtep_steps)
    ) AS since
    FROM host AS now
    WHERE valid_to IS NULL AND former_vteps <> '{{}}'
        AND uid = ANY(coalesce(CAST(:hosts AS uuid[]), ARRAY[uid]))
), peer AS MATERIALIZED (
    SELECT uid, name, CASE WHEN host.state = 'maintenance' OR said.outcome = 'held' THEN 0
        ELSE least(confirmed.applied_revision, said.pinned_revision) END AS revision
    FROM ({CONFIRMED}) AS confirmed
    JOIN host ON uid = confirmed.host_uid AND valid_to IS NULL AND state <> 'decommissioning'
    LEFT JOIN host_status AS said ON said.host_uid = uid
), behind AS MATERIALIZED (
    SELECT * FROM peer WHERE revision < (SELECT max(since) FROM changing)
), own AS MATERIALIZED (
    SELECT uid, since, segment_uid FROM changing
    JOIN host_segment ON host_uid = uid AND released_revision IS NULL
), failure AS MATERIALIZED (
    SELECT host_uid, split_part(resource, '/', 1) AS whole, split_part(resource, '/', 2) AS other
    FROM resource_failure WHERE reason <> 'AgentTooOld'
), trouble AS MATERIALIZED (
    SELECT own.uid, host_uid::text AS peer FROM own
    JOIN failure ON whole = 'segment:' || segment_uid
    JOIN host_segment AS there USING (host_uid, segment_uid) WHERE released_revision IS NULL
    UNION SELECT own.uid, host_uid::text FROM own
    JOIN failure ON whole = 'tunnel:' || segment_uid AND other = own.uid::text
    UNION SELECT own.uid, other FROM own
    JOIN failure ON whole = 'tunnel:' || segment_uid AND host_uid = own.uid
)
"""  # noqa: S608 (of constants)
"""``since`` is the revision that brought the step that a host's change is at: later ones that
changed something else of it are nothing to its peers, which may never confirm these.
``behind`` are hosts that have not applied the last of these, and ``trouble`` are pairs of which one
reports trouble with the tunnels to the other. An agent that is too old to keep former VTEPs says so
as long as there are any, and has none to wait for. No host is compared with every other."""

_SETTLED = text(f"""{_KNOWN}, slowest AS MATERIALIZED (
    SELECT segment_uid, min(revision) AS revision FROM behind
    JOIN host_segment ON host_uid = uid AND released_revision IS NULL GROUP BY segment_uid
)
SELECT uid FROM changing WHERE uid NOT IN (
    SELECT uid FROM own JOIN slowest USING (segment_uid) WHERE revision < since
    UNION SELECT trouble.uid FROM trouble JOIN peer ON peer.uid::text = trouble.peer
)
ORDER BY valid_from, uid LIMIT :most
""").columns(uid=Uuid)  # noqa: S608 (of constants)

_AWAITED = text(f"""{_KNOWN}, awaited AS (
    SELECT own.uid, behind.name FROM own
    JOIN host_segment AS there ON there.segment_uid = own.segment_uid
        AND there.released_revision IS NULL
    JOIN behind ON behind.uid = there.host_uid AND behind.revision < own.since
    UNION SELECT trouble.uid, peer.name FROM trouble JOIN peer ON peer.uid::text = trouble.peer
)
SELECT uid, name FROM (
    SELECT *, row_number() OVER (PARTITION BY uid ORDER BY name) AS number FROM awaited
) AS numbered
WHERE number <= :most ORDER BY uid, name
""").columns(uid=Uuid, name=Text)  # noqa: S608 (of constants)


def has_former_vteps() -> ColumnElement[bool]:
    """Whether a version is current and of such a host; in the words of the index of these."""
    return and_(
        objects.current(Kind.HOST), HostRow.former_vteps != literal([], HostRow.former_vteps.type)
    )


def any_former_vteps(tx: Transaction) -> bool:
    return bool(tx.execute(select(select(1).where(has_former_vteps()).exists())).scalar_one())


def settled_hosts(tx: Transaction, most: int, only: UUID | None = None) -> list[Object]:
    """The hosts, or the ``only`` one, whose last step all have applied; the oldest steps first."""
    hosts = None if only is None else [only]
    uids = list(tx.execute(_SETTLED, {"most": most, "hosts": hosts}).scalars())
    query = objects.versions(Kind.HOST).where(
        HostRow.uid == func.any(uids), objects.current(Kind.HOST)
    )
    return objects.fetch(tx, Kind.HOST, query) if uids else []


def awaited(tx: Transaction, hosts: Iterable[UUID]) -> dict[UUID, tuple[str, ...]]:
    """By host, the names of whom it keeps its former VTEPs for: the first of them, and one more
    where there are more than ``MOST_NAMED``."""
    found: dict[UUID, tuple[str, ...]] = dict.fromkeys(hosts, ())
    for uid, name in tx.execute(_AWAITED, {"hosts": list(found), "most": MOST_NAMED + 1}):
        found[uid] += (name,)
    return found
