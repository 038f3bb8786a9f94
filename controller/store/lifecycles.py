"""What follows from the states of hosts: where those in maintenance are held, and what is left on
those that are being decommissioned.

Read from the versions of intent, so that there is nothing to keep in step. Owns nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, func, literal, select, text, union_all

from controller.domain.intent import Kind
from controller.store import objects
from controller.store.engine import Transaction

_MAINTAINED = text("""
WITH maintained AS (
    SELECT uid FROM host
    WHERE uid = ANY(CAST(:hosts AS uuid[])) AND valid_to IS NULL AND state = 'maintenance'
), versions AS (
    SELECT
        uid, valid_from, updated_at, state,
        lag(state) OVER (PARTITION BY uid ORDER BY valid_from) AS state_before,
        min(valid_from) OVER (PARTITION BY uid) AS first
    FROM host JOIN maintained USING (uid)
)
SELECT DISTINCT ON (uid) uid, greatest(valid_from - 1, first), updated_at FROM versions
WHERE state = 'maintenance' AND state_before IS DISTINCT FROM state
ORDER BY uid, valid_from DESC
""")

CONFIRMED = """
SELECT host_uid, applied_revision FROM host_status WHERE written_off_at IS NULL
UNION ALL
SELECT uid, 0 FROM host
WHERE valid_to IS NULL AND state <> 'active' AND state = 'maintenance' AND NOT EXISTS (
    SELECT FROM host_status WHERE host_uid = host.uid AND written_off_at IS NULL
)
"""
"""What each host that may have something has confirmed last. One without a session never got
anything, and one that is written off is not asked; but one in maintenance will be sent what it is
held at, however long that is gone."""

confirmed = (
    text(CONFIRMED).columns(host_uid=Uuid, applied_revision=BigInteger).subquery("confirmed")
)


class Maintenance(NamedTuple):
    revision: int
    """The one before the host got there, which it stays at; of a host that was always there, its
    first."""
    since: datetime


def maintained(tx: Transaction, hosts: Iterable[UUID]) -> dict[UUID, Maintenance]:
    """Those of the hosts that are in maintenance."""
    rows = tx.execute(_MAINTAINED, {"hosts": list(hosts)})
    return {uid: Maintenance(revision, since) for uid, revision, since in rows}


def left_on(tx: Transaction, hosts: Sequence[UUID]) -> dict[UUID, Mapping[Kind, int]]:
    """How many objects are on each of the hosts."""
    uids = list(hosts)
    counts = (
        select(column.label("host_uid"), literal(kind.value), func.count())
        .where(column == func.any(uids), objects.current(kind), objects.once(kind))
        .group_by(column)
        for kind in Kind
        for column in objects.host_columns(kind)
    )
    found: dict[UUID, dict[Kind, int]] = {uid: defaultdict(int) for uid in uids}
    for host, kind, number in tx.execute(union_all(*counts)):
        found[host][Kind(kind)] += number
    return {uid: dict(kinds) for uid, kinds in found.items()}
