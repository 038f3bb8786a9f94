"""What statuses are derived from, read in bulk: as many queries for one object as for a thousand.

Only the first few failures of an object are read: they say why, and one is enough to count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    SQLColumnExpression,
    and_,
    case,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from controller.domain.departures import Departure
from controller.domain.grants import Pin
from controller.domain.intent import Lifecycle
from controller.domain.segment_status import SegmentFacts
from controller.domain.status import (
    CHANGE_RESOURCE,
    HOST_RESOURCE,
    ON_TRIAL,
    HostFacts,
    Liveness,
    Outcome,
    Trouble,
)
from controller.store.changelog import newest_membership_changes
from controller.store.departures import departures_of
from controller.store.engine import Transaction
from controller.store.former_vteps import awaited
from controller.store.lifecycles import Maintenance, maintained
from controller.store.tables import (
    HostCertificateRow,
    HostRow,
    HostSegmentRow,
    HostStatusRow,
    ResourceFailureRow,
)

_TROUBLES = 10
ALL_TROUBLES = 1_000_000
"""For whoever tells apart the resources of one object."""

_LIVENESS = case(
    (and_(HostStatusRow.connected, ~HostStatusRow.silent), Liveness.CONNECTED.value),
    (
        and_(HostStatusRow.host_uid.is_not(None), HostStatusRow.written_off_at.is_(None)),
        Liveness.SILENT.value,
    ),
    (
        exists()
        .where(HostCertificateRow.host_uid == HostRow.uid, HostCertificateRow.revoked_at.is_(None))
        .correlate(HostRow),
        Liveness.NEVER_CONNECTED.value,
    ),
    else_=Liveness.NOT_ENROLLED.value,
)


_OF_TRIAL = and_(
    ResourceFailureRow.host_uid == HostRow.uid,
    ResourceFailureRow.resource == CHANGE_RESOURCE,
    ResourceFailureRow.reason == ON_TRIAL,
)
_TRIAL = select(ResourceFailureRow.message).where(_OF_TRIAL).correlate(HostRow).scalar_subquery()


def host_facts(tx: Transaction, hosts: Iterable[UUID]) -> dict[UUID, HostFacts]:
    """For hosts themselves: with all kinds of trouble that they have."""
    uids = list(hosts)
    found = _without_troubles(tx, uids)
    row = ResourceFailureRow
    troubles = _troubles(tx, row.host_uid, row.host_uid == func.any(uids))
    changing = [uid for uid, facts in found.items() if facts.former_vteps]
    waited_for = awaited(tx, changing) if changing else {}
    return {
        uid: replace(facts, troubles=troubles[uid], awaited=waited_for.get(uid, ()))
        for uid, facts in found.items()
    }


def resource_facts(
    tx: Transaction,
    on_hosts: Mapping[UUID, Sequence[UUID]],
    *,
    most_troubles: int = _TROUBLES,
    of_each_host: bool = False,
) -> dict[UUID, tuple[HostFacts, ...]]:
    """For what is on hosts, given each one's: in that order, with what troubles it there or the
    whole host. ``most_troubles`` are read of each object, or of each host that it is on."""
    hosts = list({host for on in on_hosts.values() for host in on})
    found = _without_troubles(tx, hosts)
    row = ResourceFailureRow
    whole_host = and_(row.host_uid == func.any(hosts), row.resource == HOST_RESOURCE)
    subject = func.coalesce(row.object_uid, row.host_uid)
    own = and_(row.object_uid == func.any(list(on_hosts)), row.host_uid == func.any(hosts))
    troubles = _troubles(
        tx, subject, or_(own, whole_host), most_troubles, of_each_host=of_each_host
    )
    return {uid: _troubled(found, troubles, uid, on) for uid, on in on_hosts.items()}


def _troubled(
    known: Mapping[UUID, HostFacts],
    troubles: Mapping[UUID, tuple[Trouble, ...]],
    uid: UUID,
    on: Sequence[UUID],
) -> tuple[HostFacts, ...]:
    """The facts of the hosts that an object is on, each with what troubles the object there."""
    own: defaultdict[str, tuple[Trouble, ...]] = defaultdict(tuple)
    for trouble in troubles[uid]:
        own[trouble.host] += (trouble,)
    return tuple(
        replace(facts, troubles=troubles[host] + own[facts.name])
        for host in on
        if (facts := known.get(host)) is not None
    )


def _without_troubles(tx: Transaction, hosts: Sequence[UUID]) -> dict[UUID, HostFacts]:
    status = HostStatusRow
    query = (
        select(
            HostRow.uid,
            HostRow.name,
            _LIVENESS.label("liveness"),
            func.coalesce(status.applied_revision, 0).label("applied_revision"),
            status.outcome,
            status.pinned_revision,
            status.undone_revision,
            status.pin_reason,
            _TRIAL.label("trial"),
            status.last_transition,
            HostRow.state,
            HostRow.former_vteps,
            HostRow.vtep_steps,
        )
        .outerjoin(status, status.host_uid == HostRow.uid)
        .where(HostRow.uid == func.any(list(hosts)), HostRow.valid_to.is_(None))
    )
    rows = tx.execute(query).all()
    halted = [row.uid for row in rows if row.state is Lifecycle.MAINTENANCE]
    maintenances = maintained(tx, halted) if halted else {}
    leaving = [row.uid for row in rows if row.state is Lifecycle.DECOMMISSIONING]
    departures = departures_of(tx, leaving) if leaving else {}
    removed = [row.uid for row in rows if row.state is Lifecycle.REMOVED]
    departures |= dict.fromkeys(removed, Departure({}, is_removed=True))
    return {
        row.uid: _host_facts(row, maintenances.get(row.uid), departures.get(row.uid))
        for row in rows
    }


def _host_facts(
    row: Row[Any], maintenance: Maintenance | None, departure: Departure | None
) -> HostFacts:
    return HostFacts(
        name=row.name,
        liveness=Liveness(row.liveness),
        applied_revision=row.applied_revision,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        pin=_pin(row),
        trial=row.trial or "",
        since=row.last_transition,
        maintenance_since=maintenance.since if maintenance else None,
        departure=departure,
        former_vteps=tuple(row.former_vteps),
        vtep_steps=tuple(row.vtep_steps),
    )


def _pin(row: Row[Any]) -> Pin | None:
    if row.pinned_revision is None:
        return None
    return Pin(row.pinned_revision, row.undone_revision, row.pin_reason or "")


def _troubles(
    tx: Transaction,
    subject: SQLColumnExpression[Any],
    which: ColumnElement[bool],
    most: int = _TROUBLES,
    *,
    of_each_host: bool = False,
) -> defaultdict[UUID, tuple[Trouble, ...]]:
    """The first failures of each subject, those of the whole host and the oldest in front."""
    row = ResourceFailureRow
    order = (row.resource != HOST_RESOURCE, row.since, row.resource)
    group = (subject, row.host_uid) if of_each_host else (subject,)
    rank = func.row_number().over(partition_by=group, order_by=order)
    ranked = (
        select(
            subject.label("subject"),
            row.resource,
            row.reason,
            row.message,
            row.since,
            HostRow.name,
            rank.label("rank"),
        )
        .join(HostRow, and_(HostRow.uid == row.host_uid, HostRow.valid_to.is_(None)))
        .where(which)
    )
    first = ranked.subquery()
    query = select(first).where(first.c.rank <= most).order_by(first.c.subject, first.c.rank)
    found: defaultdict[UUID, tuple[Trouble, ...]] = defaultdict(tuple)
    for each in tx.execute(query):
        trouble = Trouble(each.resource, each.reason, each.message, each.since, each.name)
        found[each.subject] += (trouble,)
    return found


def member_hosts(tx: Transaction, segment: UUID) -> list[UUID]:
    """Hosts that have a port on the segment."""
    member = HostSegmentRow
    query = select(member.host_uid).where(
        member.segment_uid == segment, member.released_revision.is_(None)
    )
    return list(tx.execute(query).scalars())


def segment_facts(tx: Transaction, segments: Iterable[UUID]) -> dict[UUID, SegmentFacts]:
    uids = list(segments)
    memberships = newest_membership_changes(tx, uids)
    row = ResourceFailureRow
    own = _troubles(tx, row.object_uid, row.object_uid == func.any(uids))
    whole_hosts = _troubles(tx, HostSegmentRow.segment_uid, _of_member_hosts(uids))
    members = {found.segment_uid: found for found in _members(tx, uids)}
    return {
        uid: _segment_facts(memberships.get(uid, 0), members.get(uid), whole_hosts[uid] + own[uid])
        for uid in uids
    }


def _of_member_hosts(segments: Sequence[UUID]) -> ColumnElement[bool]:
    """Failures of whole hosts: what is on a host without a switch is not as intended."""
    row, member = ResourceFailureRow, HostSegmentRow
    return and_(
        row.resource == HOST_RESOURCE,
        member.host_uid == row.host_uid,
        member.segment_uid == func.any(list(segments)),
        member.released_revision.is_(None),
    )


def _members(tx: Transaction, segments: Sequence[UUID]) -> Iterable[Row[Any]]:
    member, status = HostSegmentRow, HostStatusRow
    names = func.array_agg(aggregate_order_by(HostRow.name, HostRow.name))
    absent = _LIVENESS.in_([Liveness.NOT_ENROLLED.value, Liveness.NEVER_CONNECTED.value])
    query = (
        select(
            member.segment_uid,
            func.count().label("members"),
            func.min(func.coalesce(status.applied_revision, 0)).label("oldest"),
            names.filter(absent).label("absent"),
            names.filter(_LIVENESS.in_([Liveness.SILENT.value])).label("silent"),
            names.filter(HostRow.state == Lifecycle.MAINTENANCE).label("maintained"),
            names.filter(status.pinned_revision.is_not(None)).label("pinned"),
            func.min(status.pinned_revision).label("oldest_pin"),
            names.filter(exists().where(_OF_TRIAL).correlate(HostRow)).label("on_trial"),
        )
        .join(HostRow, and_(HostRow.uid == member.host_uid, HostRow.valid_to.is_(None)))
        .outerjoin(status, status.host_uid == member.host_uid)
        .where(member.segment_uid == func.any(list(segments)), member.released_revision.is_(None))
        .group_by(member.segment_uid)
    )
    return tx.execute(query)


def _segment_facts(
    membership: int, members: Row[Any] | None, troubles: tuple[Trouble, ...]
) -> SegmentFacts:
    if members is None:
        return SegmentFacts(membership_revision=membership)
    return SegmentFacts(
        membership_revision=membership,
        members=members.members,
        oldest_applied_revision=members.oldest,
        absent=tuple(members.absent or ()),
        silent=tuple(members.silent or ()),
        maintained=tuple(members.maintained or ()),
        pinned=tuple(members.pinned or ()),
        oldest_pin=members.oldest_pin,
        on_trial=tuple(members.on_trial or ()),
        troubles=troubles,
    )
