"""Hosts whose change of VTEP has not ended, and whom each step of it waits for. Reads only.

What is known of is the state that a host applied last: one that has no session never got any, and
one that is being decommissioned is not waited for. One that applies nothing for now is, whatever it
has: in maintenance, held, or gone back to a revision before.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, and_, bindparam, func, literal, select, text

from controller.domain.intent import Kind, Object
from controller.domain.vtep_changes import MOST_NAMED
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.lifecycles import CONFIRMED
from controller.store.tables import HostRow

_SINCE = """
SELECT coalesce(max(before.valid_to), changing.valid_from) AS revision FROM host AS before
WHERE before.uid = changing.uid AND before.valid_to IS NOT NULL
    AND (before.vteps, before.former_vteps, before.vtep_steps)
        IS DISTINCT FROM (changing.vteps, changing.former_vteps, changing.vtep_steps)
"""
"""The revision that brought the step that a host's change of VTEP is at. Later ones that changed
something else of it are nothing to its peers, which may never confirm these."""

_LAGGING = f"""
SELECT peer.name FROM ({_SINCE}) AS since
CROSS JOIN host_segment AS here
JOIN host_segment AS there USING (segment_uid)
JOIN host AS peer ON peer.uid = there.host_uid AND peer.valid_to IS NULL
JOIN ({CONFIRMED}) AS confirmed ON confirmed.host_uid = peer.uid
LEFT JOIN host_status AS said ON said.host_uid = peer.uid
WHERE here.host_uid = changing.uid
    AND here.released_revision IS NULL AND there.released_revision IS NULL
    AND peer.state <> 'decommissioning'
    AND (confirmed.applied_revision < since.revision OR said.pinned_revision < since.revision
        OR peer.state = 'maintenance' OR said.outcome = 'held' OR EXISTS (
        SELECT FROM resource_failure AS failure
        WHERE failure.reason <> 'AgentTooOld'
            AND failure.host_uid IN (peer.uid, changing.uid) AND failure.resource IN (
            'segment:' || segment_uid,
            'tunnel:' || segment_uid || '/' || CASE failure.host_uid
                WHEN peer.uid THEN changing.uid ELSE peer.uid
            END
        )
    ))
"""  # noqa: S608 (of constants)
"""Members of the segments of a host, itself among them, that have not applied the last step of its
change, and pairs of which one reports trouble with the tunnels to the other. An agent that is too
old to keep former VTEPs says so as long as there are any, and has none to wait for."""

_SETTLED = (
    text(
        "SELECT uid FROM host AS changing"  # noqa: S608 (of constants)
        " WHERE valid_to IS NULL AND former_vteps <> '{}' AND uid = coalesce(:only, uid)"
        f" AND NOT EXISTS ({_LAGGING})"
        " ORDER BY valid_from, uid LIMIT :most"
    )
    .bindparams(bindparam("only", type_=Uuid))
    .columns(uid=Uuid)
)

_AWAITED = text(f"""
SELECT changing.uid, lagging.name FROM host AS changing
CROSS JOIN LATERAL (SELECT DISTINCT name FROM ({_LAGGING}) AS each ORDER BY name LIMIT :most)
    AS lagging
WHERE valid_to IS NULL AND former_vteps <> '{{}}' AND uid = ANY(:hosts)
ORDER BY changing.uid, lagging.name
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
    uids = list(tx.execute(_SETTLED, {"most": most, "only": only}).scalars())
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
