"""Reads explicit tunnels in the ways that the rules need; see ``controller.domain.validation``.

Each function is one query, however many tunnels there are. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import and_, func, or_, select, text

from controller.domain.intent import Kind, Object
from controller.domain.validation import Outside
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import PortRow, TunnelRow

_KEYS = range(1, 1 << 24)
_UDP_PORTS = range(1, 1 << 16)

_COMPONENT = text("""
WITH RECURSIVE reached AS (
    SELECT uid, a_bridge_uid, b_bridge_uid, b_ip, key, dst_port
    FROM tunnel LEFT JOIN unnest(
        CAST(:ips AS text[]), CAST(:keys AS bigint[]), CAST(:ports AS bigint[])
    ) AS outside(ip, vni, port) ON b_bridge_uid IS NULL AND b_ip = ip AND key = vni
        AND dst_port = port
    WHERE valid_to IS NULL AND (
        a_bridge_uid = ANY(CAST(:bridges AS uuid[]))
        OR b_bridge_uid = ANY(CAST(:bridges AS uuid[]))
        OR ip IS NOT NULL
    )
    UNION
    SELECT next.uid, next.a_bridge_uid, next.b_bridge_uid, next.b_ip, next.key, next.dst_port
    FROM reached JOIN tunnel AS next ON next.valid_to IS NULL AND (
        next.a_bridge_uid = reached.a_bridge_uid OR next.a_bridge_uid = reached.b_bridge_uid
        OR next.b_bridge_uid = reached.a_bridge_uid OR next.b_bridge_uid = reached.b_bridge_uid
        OR next.key = reached.key AND next.dst_port = reached.dst_port AND next.b_ip = reached.b_ip
            AND next.b_bridge_uid IS NULL AND reached.b_bridge_uid IS NULL
    )
)
SELECT tunnel.* FROM tunnel JOIN reached USING (uid) WHERE tunnel.valid_to IS NULL
""").columns(*TunnelRow.__table__.columns)


def flooding_component(
    tx: Transaction, bridges: Iterable[UUID], outsides: Iterable[Outside]
) -> list[Object]:
    """The tunnels that can be reached by going from tunnel to tunnel over what both end at.

    A UNION without ALL ends, because it goes on from each tunnel once."""
    ends, known = list(bridges), [o for o in outsides if _can_exist(o)]
    if not ends and not known:
        return []
    start = {
        "bridges": ends,
        "ips": [outside.ip for outside in known],
        "keys": [outside.key for outside in known],
        "ports": [outside.dst_port for outside in known],
    }
    rows = tx.execute(_COMPONENT, start).mappings()
    return [objects.read(Kind.TUNNEL, row) for row in rows]


def _can_exist(outside: Outside) -> bool:
    """False for numbers that no tunnel has; PostgreSQL cannot even be asked for some."""
    return outside.key in _KEYS and outside.dst_port in _UDP_PORTS


def on_hosts(tx: Transaction, hosts: Iterable[UUID]) -> list[Object]:
    query = objects.versions(Kind.TUNNEL).where(
        objects.on_hosts(Kind.TUNNEL, hosts), objects.current(Kind.TUNNEL)
    )
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
    query = objects.versions(Kind.PORT).where(
        or_(
            PortRow.bridge_uid.in_(select(row.a_bridge_uid).where(*tunnels)),
            PortRow.bridge_uid.in_(select(row.b_bridge_uid).where(*tunnels)),
        ),
        and_(PortRow.bridge_uid.is_not(None), objects.current(Kind.PORT)),
    )
    return objects.fetch(tx, Kind.PORT, query)
