"""What operators granted on hosts, and since which revision.

Owns ``host_grant`` and ``host_standing``. A host that is held at a revision has what was granted up
to it and no more, so that the state it is held at never changes under it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, delete, exists, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from controller.domain.grants import GrantKind, Held, Pin
from controller.domain.host_intent import Grants
from controller.domain.intent import Kind
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import (
    VERSIONED,
    HostGrantRow,
    HostRow,
    HostStandingRow,
    HostStatusRow,
    ResourceFailureRow,
)


class Grant(NamedTuple):
    resource: str
    kind: GrantKind
    accept_differences: bool
    principal: str
    granted_at: datetime
    revision: int


class Granting(NamedTuple):
    """Who grants, on which host, and at which revision."""

    host_uid: UUID
    revision: int
    principal: str
    now: datetime


def load_grants(tx: Transaction, hosts: Iterable[UUID], revision: int) -> dict[UUID, Grants]:
    """As they were at the revision; hosts without any are left out."""
    standing, grant = HostStandingRow, HostGrantRow
    counts = (
        select(standing.host_uid, func.max(standing.grants).label("count"))
        .where(standing.host_uid == func.any(list(hosts)), standing.revision <= revision)
        .group_by(standing.host_uid)
        .subquery()
    )
    there = and_(grant.host_uid == counts.c.host_uid, grant.revision <= revision)
    query = select(
        counts.c.host_uid, counts.c.count, grant.kind, grant.resource, grant.accept_differences
    ).outerjoin(grant, there)
    numbers: dict[UUID, int] = {}
    found: defaultdict[UUID, dict[str, dict[str, bool]]] = defaultdict(lambda: defaultdict(dict))
    for host, number, kind, resource, accepts in tx.execute(query):
        numbers[host] = number
        if resource is not None:
            found[host][kind][resource] = accepts
    return {
        host: Grants(
            count=number,
            removals=frozenset(found[host][GrantKind.REMOVAL]),
            forced=frozenset(found[host][GrantKind.FORCE]),
            adoptions=found[host][GrantKind.ADOPT],
        )
        for host, number in numbers.items()
    }


def write_grants(
    tx: Transaction,
    granting: Granting,
    granted: Mapping[GrantKind, Iterable[str]],
    *,
    accept_differences: bool = False,
    lifts_pin: bool = False,
) -> None:
    """Must run under the revision lock."""
    standing, grant = HostStandingRow, HostGrantRow
    count = select(func.coalesce(func.max(standing.grants), 0) + 1).where(
        standing.host_uid == granting.host_uid
    )
    tx.execute(
        insert(standing).values(
            host_uid=granting.host_uid,
            revision=granting.revision,
            grants=count.scalar_subquery(),
            lifts_pin=lifts_pin,
        )
    )
    rows = [
        {
            "host_uid": granting.host_uid,
            "resource": resource,
            "kind": kind.value,
            "accept_differences": accept_differences,
            "principal": granting.principal,
            "granted_at": granting.now,
            "revision": granting.revision,
        }
        for kind, resources in granted.items()
        for resource in sorted(resources)
    ]
    if rows:
        statement = upsert(grant)
        new = ("accept_differences", "principal", "granted_at", "revision")
        tx.execute(
            statement.on_conflict_do_update(
                index_elements=["host_uid", "resource", "kind"],
                set_={name: statement.excluded[name] for name in new},
            ),
            rows,
        )


def read_grants(tx: Transaction, host_uid: UUID) -> list[Grant]:
    """Those that the host has not done yet, the oldest first."""
    row = HostGrantRow
    query = (
        select(
            row.resource,
            row.kind,
            row.accept_differences,
            row.principal,
            row.granted_at,
            row.revision,
        )
        .where(row.host_uid == host_uid)
        .order_by(row.revision, row.kind, row.resource)
    )
    return [
        Grant(resource, GrantKind(kind), accepts, principal, at, revision)
        for resource, kind, accepts, principal, at, revision in tx.execute(query)
    ]


def count_grants(tx: Transaction, host_uid: UUID) -> int:
    row = HostStandingRow
    query = select(func.coalesce(func.max(row.grants), 0)).where(row.host_uid == host_uid)
    return tx.execute(query).scalar_one()


def settle(tx: Transaction, host_uid: UUID, applied_revision: int, failing: Sequence[str]) -> None:
    """Forget what was granted before the revision that the host applied, and does not fail."""
    row = HostGrantRow
    tx.execute(
        delete(row).where(
            row.host_uid == host_uid,
            row.revision <= applied_revision,
            row.resource != func.all(list(failing)),
        )
    )


def was_released_after(tx: Transaction, host_uid: UUID, revision: int) -> bool:
    """Whether somebody let the host try again what it had undone at ``revision``."""
    row = HostStandingRow
    released = exists().where(row.host_uid == host_uid, row.revision > revision, row.lifts_pin)
    return tx.execute(select(released)).scalar_one()


def read_pins(tx: Transaction, hosts: Iterable[UUID]) -> dict[UUID, tuple[str, Pin]]:
    """By host that is held, its name and why."""
    row = HostStatusRow
    query = (
        select(row.host_uid, HostRow.name, row.pinned_revision, row.undone_revision, row.pin_reason)
        .join(HostRow, and_(HostRow.uid == row.host_uid, HostRow.valid_to.is_(None)))
        .where(row.host_uid == func.any(list(hosts)), row.pinned_revision.is_not(None))
        .order_by(HostRow.name)
    )
    return {
        host: (name, Pin(revision, undone, reason or ""))
        for host, name, revision, undone, reason in tx.execute(query)
        if revision is not None
    }


def count_pins(tx: Transaction) -> int:
    query = select(func.count()).where(HostStatusRow.pinned_revision.is_not(None))
    return tx.execute(query).scalar_one()


def read_held(tx: Transaction, host_uid: UUID) -> list[Held]:
    row = ResourceFailureRow
    query = select(row.resource, row.reason).where(row.host_uid == host_uid)
    return [Held(*found) for found in tx.execute(query)]


def forget(tx: Transaction, hosts: Iterable[UUID]) -> None:
    """Of hosts that are deleted, or that are other machines from now on."""
    uids = list(hosts)
    for row in (HostGrantRow, HostStandingRow):
        tx.execute(delete(row).where(row.host_uid == func.any(uids)))


def uids_on(tx: Transaction, kind: Kind, host_uid: UUID) -> frozenset[UUID]:
    """Of what names the host itself."""
    row = VERSIONED[kind]
    query = select(row.uid).where(objects.on_hosts(kind, [host_uid]), objects.current(kind))
    return frozenset(tx.execute(query).scalars())
