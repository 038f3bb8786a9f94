"""Bound ports and where their interfaces are plugged: what is out of step, and what was refused.

Owns the refusals in ``host_iface``; its other columns are ``inventory``'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import and_, func, or_, select, text

from controller.domain.intent import Kind, Lifecycle, Ref
from controller.domain.port_status import Binding
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.inventory import LIVING
from controller.store.tables import HostIfaceRow, HostRow, HostStatusRow, PortRow


def bound_to(tx: Transaction, iface_ids: Iterable[str]) -> list[Ref]:
    """The current ports with these iface-ids."""
    asked, row = list(iface_ids), PortRow
    if not asked:
        return []
    query = (
        select(row.project, row.name)
        .where(row.iface_id == func.any(asked), objects.current(Kind.PORT), objects.once(Kind.PORT))
        .order_by(row.project, row.name)
    )
    return [Ref(Kind.PORT, project, name) for project, name in tx.execute(query)]


def bound_on(tx: Transaction, hosts: Collection[str]) -> list[Ref]:
    """The current bound ports on those of the hosts that are leaving the fleet, or that nobody
    hears: the others have guests that run."""
    row, state = PortRow, HostStatusRow
    is_heard = and_(state.connected, ~state.silent)
    query = (
        select(row.project, row.name)
        .join(HostRow, and_(HostRow.uid == row.host_uid, objects.current(Kind.HOST)))
        .outerjoin(state, state.host_uid == row.host_uid)
        .where(
            HostRow.name == func.any([*filter(objects.can_be_stored, hosts)]),
            row.iface_id.is_not(None),
            objects.current(Kind.PORT),
            or_(HostRow.state == Lifecycle.DECOMMISSIONING, is_heard.is_not(True)),
        )
        .distinct()
    )
    return [Ref(Kind.PORT, project, name) for project, name in tx.execute(query)]


# A refusal is worth another try when what may have been its reason is another by now. A port that
# could be written on none of its hosts waits for that, too; at random, so that one that cannot be
# written at all does not keep the others from their turn.
_OUT_OF_STEP = text(f"""
WITH reported AS (
    SELECT DISTINCT iface_id, host_iface.host_uid, {LIVING} AS is_living,
    refusal IS NOT NULL AND refused_revision >= greatest(
        host.valid_from, segment.valid_from, port.valid_from
    ) AS is_refused
    FROM port
    JOIN segment ON segment.uid = port.segment_uid AND segment.valid_to IS NULL
    JOIN host_iface USING (iface_id)
    JOIN host ON host.uid = host_iface.host_uid AND host.valid_to IS NULL
    JOIN host_status ON host_status.host_uid = host_iface.host_uid
    WHERE port.valid_to IS NULL AND port.side = 0 AND port.iface_id IS NOT NULL
), judged AS (
    SELECT *, bool_or(is_living) OVER (PARTITION BY iface_id) AS is_heard_of FROM reported
), plugged AS (
    SELECT * FROM judged WHERE is_living OR NOT is_heard_of
), place AS (
    SELECT iface_id, host_uid FROM port
    WHERE valid_to IS NULL AND iface_id IS NOT NULL AND host_uid IS NOT NULL
), counted AS (
    SELECT iface_id, count(DISTINCT host_uid) AS hosts FROM plugged
    WHERE NOT is_refused GROUP BY iface_id
)
SELECT project, name FROM port LEFT JOIN counted USING (iface_id)
WHERE valid_to IS NULL AND side = 0 AND iface_id IS NOT NULL AND (
    hosts > 0 OR NOT EXISTS (SELECT FROM plugged WHERE plugged.iface_id = port.iface_id)
) AND (
    least(coalesce(hosts, 0), 2) <> num_nonnulls(host_uid, migrating_to_uid)
    OR EXISTS (
        SELECT FROM place WHERE place.iface_id = port.iface_id AND NOT EXISTS (
            SELECT FROM plugged WHERE plugged.iface_id = place.iface_id
                AND plugged.host_uid = place.host_uid AND NOT is_refused
        )
    )
)
ORDER BY random() LIMIT :most
""")  # noqa: S608 (of a constant)
"""Which reports count is the rule of ``binding.counting``."""


def out_of_step(tx: Transaction, most: int) -> list[Ref]:
    """Bound ports that are not where their interfaces are plugged, and may be now."""
    rows = tx.execute(_OUT_OF_STEP, {"most": most})
    return [Ref(Kind.PORT, project, name) for project, name in rows]


# Rows are locked in the order of ``inventory.record``, so that neither waits for the other.
_NOTE = text("""
WITH judged AS (
    SELECT iface_id, host.uid AS host_uid, why
    FROM unnest(CAST(:refused AS text[]), CAST(:hosts AS text[]), CAST(:whys AS text[]))
        AS each (iface_id, name, why)
    JOIN host ON host.name = each.name AND host.valid_to IS NULL
), rows AS MATERIALIZED (
    SELECT iface.host_uid, iface.interface, judged.why
    FROM host_iface AS iface LEFT JOIN judged USING (host_uid, iface_id)
    WHERE iface.iface_id = ANY (:iface_ids) AND (iface.refusal IS NOT NULL OR why IS NOT NULL)
    ORDER BY iface.host_uid, iface.interface
    FOR UPDATE OF iface
)
UPDATE host_iface SET
    refusal = rows.why,
    refused_revision = CASE WHEN rows.why IS NOT NULL THEN :revision END
FROM rows
WHERE host_iface.host_uid = rows.host_uid AND host_iface.interface = rows.interface
""")


def note_refusals(
    tx: Transaction,
    iface_ids: Iterable[str],
    why: Mapping[tuple[str, str], str],
    revision: int,
) -> None:
    """Of these iface-ids, why ports may not be on hosts, by iface-id and host, as of a revision.

    What was said before is forgotten."""
    if asked := list(iface_ids):
        refused, hosts = ([key[i] for key in why] for i in (0, 1))
        values = {"refused": refused, "hosts": hosts, "whys": list(why.values())}
        tx.execute(_NOTE, {**values, "iface_ids": asked, "revision": revision})


def read_bindings(tx: Transaction, ports: Collection[UUID]) -> dict[UUID, Binding]:
    """Those of the ports that are bound."""
    port, iface = PortRow, HostIfaceRow
    query = (
        select(port.uid, port.iface_id, HostRow.name, iface.refusal)
        .outerjoin(iface, iface.iface_id == port.iface_id)
        .outerjoin(HostRow, and_(HostRow.uid == iface.host_uid, objects.current(Kind.HOST)))
        .where(
            port.uid == func.any(list(ports)),
            port.iface_id.is_not(None),
            objects.current(Kind.PORT),
            objects.once(Kind.PORT),
        )
        .order_by(HostRow.name)
    )
    known: dict[UUID, str] = {}
    refusals: dict[UUID, list[tuple[str, str]]] = defaultdict(list)
    plugged: dict[UUID, list[str]] = defaultdict(list)
    for uid, iface_id, host, why in tx.execute(query):
        known[uid] = iface_id or ""
        if host is not None and why is not None:
            refusals[uid].append((host, why))
        elif host is not None:
            plugged[uid].append(host)
    return {
        uid: Binding(iface_id, tuple(refusals[uid]), tuple(plugged[uid]))
        for uid, iface_id in known.items()
    }
