"""What operators granted on hosts, and since which revision.

Owns ``host_grant`` and ``host_standing``. What was granted holds from one revision up to another,
so that the state that a host is held at never changes under it: not by a later grant, and not as
an earlier one is done or over. Only what somebody takes back is as if it had never been.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)

from controller.domain.grants import GrantKind, Held, Pin
from controller.domain.host_intent import Grants
from controller.domain.intent import Kind
from controller.domain.status import Outcome
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
        select(
            standing.host_uid,
            func.max(standing.grants).label("count"),
            func.count().filter(standing.mends).label("mended"),
            func.max(standing.revision).filter(standing.lifts_pin).label("released"),
        )
        .where(standing.host_uid == func.any(list(hosts)), standing.revision <= revision)
        .group_by(standing.host_uid)
        .subquery()
    )
    there = and_(
        grant.host_uid == counts.c.host_uid,
        grant.revision <= revision,
        or_(grant.ended_revision.is_(None), grant.ended_revision > revision),
    )
    query = select(
        counts.c.host_uid,
        counts.c.count,
        counts.c.mended,
        counts.c.released,
        grant.kind,
        grant.resource,
        grant.accept_differences,
        grant.revision,
    ).outerjoin(grant, there)
    numbers: dict[UUID, tuple[int, int, int]] = {}
    found: defaultdict[UUID, dict[str, dict[str, tuple[bool, int]]]]
    found = defaultdict(lambda: defaultdict(dict))
    for host, count, mended, released, kind, resource, accepts, made in tx.execute(query):
        numbers[host] = (count, mended, released or 0)
        if resource is not None:
            found[host][kind][resource] = (accepts, made)
    return {host: _grants(numbers[host], found[host]) for host in numbers}


def _grants(
    numbers: tuple[int, int, int], found: Mapping[str, Mapping[str, tuple[bool, int]]]
) -> Grants:
    count, mended, released = numbers
    forced, adopted = found.get(GrantKind.FORCE, {}), found.get(GrantKind.ADOPT, {})
    return Grants(
        count=count,
        mended=mended,
        released=released,
        removals=frozenset(found.get(GrantKind.REMOVAL, ())),
        forced={resource: made for resource, (_, made) in forced.items()},
        adoptions={resource: accepts for resource, (accepts, _) in adopted.items()},
        adopted_at={resource: made for resource, (_, made) in adopted.items()},
    )


def write_grants(
    tx: Transaction,
    granting: Granting,
    granted: Mapping[GrantKind, Iterable[str]],
    about: Mapping[str, UUID],
    *,
    accept_differences: bool = False,
    lifts_pin: bool = False,
    mends: bool = False,
) -> None:
    """Must run under the revision lock. ``about``: by resource, the object that it belongs to."""
    standing = HostStandingRow
    count = select(func.coalesce(func.max(standing.grants), 0) + 1).where(
        standing.host_uid == granting.host_uid
    )
    tx.execute(
        insert(standing).values(
            host_uid=granting.host_uid,
            revision=granting.revision,
            grants=count.scalar_subquery(),
            lifts_pin=lifts_pin,
            mends=mends,
        )
    )
    named = [(kind, each) for kind, resources in granted.items() for each in sorted(resources)]
    if not named:
        return
    bound = _intended(tx, about.values())
    _end(tx, granting.host_uid, granting.revision, named)
    rows = [
        {
            "host_uid": granting.host_uid,
            "resource": resource,
            "kind": kind.value,
            "accept_differences": accept_differences,
            "principal": granting.principal,
            "granted_at": granting.now,
            "revision": granting.revision,
            "ended_revision": None,
            "bound_to": uid if (uid := about.get(resource)) in bound else None,
        }
        for kind, resource in named
    ]
    tx.execute(insert(HostGrantRow), rows)


def _intended(tx: Transaction, uids: Iterable[UUID]) -> frozenset[UUID]:
    """Those of the objects that there still are."""
    wanted = list(uids)
    current = (
        select(VERSIONED[kind].uid).where(
            VERSIONED[kind].uid == func.any(wanted), objects.current(kind)
        )
        for kind in Kind
    )
    return frozenset(tx.execute(union_all(*current)).scalars())


def _end(
    tx: Transaction, host_uid: UUID, revision: int, named: Iterable[tuple[GrantKind, str]]
) -> None:
    row = HostGrantRow
    by_kind: defaultdict[str, list[str]] = defaultdict(list)
    for kind, resource in named:
        by_kind[kind.value].append(resource)
    # Each array is one parameter: a statement has no room for one per resource.
    which = (and_(row.kind == kind, row.resource == func.any(ids)) for kind, ids in by_kind.items())
    tx.execute(
        update(row)
        .where(row.host_uid == host_uid, row.ended_revision.is_(None), or_(*which))
        .values(ended_revision=revision)
    )


def withdraw(tx: Transaction, host_uid: UUID, resources: Sequence[str]) -> frozenset[str]:
    """Ends what was granted for these, or for all where none is named; answers for which it was.

    It ends where it began: a host that is held at a revision since then must not do it any more.
    Must run under the revision lock."""
    row = HostGrantRow
    ending = update(row).where(row.host_uid == host_uid, row.ended_revision.is_(None))
    if resources:
        ending = ending.where(row.resource == func.any(list(resources)))
    ended = tx.execute(ending.values(ended_revision=row.revision).returning(row.resource))
    return frozenset(ended.scalars())


def end_bound(
    tx: Transaction, revision: int, *, changed: Iterable[UUID], deleted: Iterable[UUID]
) -> None:
    """Ends what was granted about objects that the revision makes into something else.

    To take over what is like intent may wait for intent to become like it, and changes nothing."""
    row = HostGrantRow
    gone, others = list(deleted), list(changed)
    if not (gone or others):
        return
    alters = or_(row.kind == GrantKind.FORCE.value, row.accept_differences)
    tx.execute(
        update(row)
        .where(
            row.ended_revision.is_(None),
            or_(row.bound_to == func.any(gone), and_(row.bound_to == func.any(others), alters)),
        )
        .values(ended_revision=revision)
    )


def read_grants(tx: Transaction, host_uid: UUID) -> list[Grant]:
    """Those that hold, the oldest first."""
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
        .where(row.host_uid == host_uid, row.ended_revision.is_(None))
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


def is_done(tx: Transaction, host_uid: UUID, applied_revision: int, failing: Sequence[str]) -> bool:
    """Whether a report that the host applied the revision leaves something to ``settle``."""
    row = HostGrantRow
    over = or_(_done(applied_revision, failing), row.ended_revision <= applied_revision)
    return tx.execute(select(exists().where(row.host_uid == host_uid, over))).scalar_one()


def settle(
    tx: Transaction, host_uid: UUID, applied_revision: int, failing: Sequence[str], revision: int
) -> None:
    """End at ``revision`` what was granted before the one that the host applied, and does not fail.

    Under the revision lock, with the one after the head: every state up to the head has it, also
    one that is on its way. What ended before the host's state is forgotten: it is held at no older
    one."""
    row = HostGrantRow
    of_host = row.host_uid == host_uid
    tx.execute(delete(row).where(of_host, row.ended_revision <= applied_revision))
    done = _done(applied_revision, failing)
    tx.execute(update(row).where(of_host, done).values(ended_revision=revision))


def _done(applied_revision: int, failing: Sequence[str]) -> ColumnElement[bool]:
    """What was forced stays so while its object is unchanged: after a reboot it is done again."""
    row = HostGrantRow
    return and_(
        row.ended_revision.is_(None),
        row.revision <= applied_revision,
        row.resource != func.all(list(failing)),
        or_(row.kind != GrantKind.FORCE.value, row.bound_to.is_(None)),
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


def read_undone(tx: Transaction, host_uid: UUID) -> Pin | None:
    """What a host says that it undid and is not held for, because it was released: it said so again
    since, and so has not followed."""
    row = HostStatusRow
    query = select(row.applied_revision, row.undone_revision, row.pin_reason).where(
        row.host_uid == host_uid,
        row.pinned_revision.is_(None),
        row.undone_revision.is_not(None),
        row.outcome == Outcome.REVERTED.value,
    )
    found = tx.execute(query).one_or_none()
    return None if found is None else Pin(found[0], found[1], found[2] or "")


def read_observed(tx: Transaction, host_uid: UUID) -> int:
    """The revision of the newest state that the host has told of; 0 before the first."""
    row = HostStatusRow
    query = select(row.observed_revision).where(row.host_uid == host_uid)
    return tx.execute(query).scalar_one_or_none() or 0


def count_pins(tx: Transaction) -> int:
    query = select(func.count()).where(HostStatusRow.pinned_revision.is_not(None))
    return tx.execute(query).scalar_one()


def read_held(tx: Transaction, host_uid: UUID) -> list[Held]:
    row = ResourceFailureRow
    query = select(row.resource, row.reason).where(row.host_uid == host_uid)
    return [Held(*found) for found in tx.execute(query)]


def forget(tx: Transaction, hosts: Iterable[UUID], *, keeps_count: bool = False) -> None:
    """Of hosts that are deleted, or that are other machines from now on.

    The count of a host that there still is never falls: an agent takes another one for a new act.
    """
    uids = list(hosts)
    for row in (HostGrantRow,) if keeps_count else (HostGrantRow, HostStandingRow):
        tx.execute(delete(row).where(row.host_uid == func.any(uids)))


def uids_on(tx: Transaction, kind: Kind, host_uid: UUID) -> frozenset[UUID]:
    """Of what names the host itself."""
    row = VERSIONED[kind]
    query = select(row.uid).where(objects.on_hosts(kind, [host_uid]), objects.current(kind))
    return frozenset(tx.execute(query).scalars())
