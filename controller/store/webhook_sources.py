"""What webhooks may have to be told: entries of the change log, and objects whose status may be
other than what was said of it last.

Reads; besides, owns ``webhook_progress`` and ``webhook_told``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from controller.domain.intent import Kind, Ref
from controller.domain.status import HOST_RESOURCE
from controller.domain.webhooks import Event
from controller.store import host_groups, objects
from controller.store.engine import Transaction
from controller.store.listing import Subject
from controller.store.tables import (
    VERSIONED,
    AuditRow,
    ChangeLogRow,
    HostIfaceRow,
    HostSegmentRow,
    PortRow,
    ResourceFailureRow,
    WebhookProgressRow,
    WebhookRow,
    WebhookToldRow,
)

PHASE = "phase"
CONNECTION = "connection"


class Progress(NamedTuple):
    turn: int
    statuses: int | None
    revision: int


class Told(NamedTuple):
    uid: UUID
    aspect: str
    event: str
    revision: int


class Candidate(NamedTuple):
    """An object whose status may be news."""

    subject: Subject
    ref: Ref
    labels: dict[str, str]


class Since(NamedTuple):
    """What statuses may have changed by: hosts that reported, and intent after a revision."""

    hosts: Collection[UUID]
    revision: int


def read_progress(tx: Transaction) -> Progress:
    row = WebhookProgressRow
    return Progress(*tx.execute(select(row.turn, row.statuses, row.revision)).one())


def take_turn(tx: Transaction, seen: Progress, statuses: int | None, revision: int) -> bool:
    """False: somebody else did meanwhile, and what was seen is out of date."""
    row = WebhookProgressRow
    statement = update(row).where(row.turn == seen.turn)
    values = {"turn": row.turn + 1, "statuses": statuses, "revision": revision}
    return tx.execute(statement.values(values)).rowcount == 1


def move_cursor(tx: Transaction, webhook: UUID, revision: int, seq: int | None) -> bool:
    """Locks the webhook to the commit; False: it was deleted."""
    row = WebhookRow
    statement = update(row).where(row.uid == webhook)
    return tx.execute(statement.values(told_revision=revision, told_seq=seq)).rowcount == 1


def labels_at(
    tx: Transaction, kind: Kind, changes: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], dict[str, str]]:
    """Labels of objects as these revisions left them; of a deleted one, as it was."""
    row = VERSIONED[kind]
    uids, revisions = ([change[i] for change in changes] for i in (0, 1))
    touched = or_(row.valid_from == func.any(revisions), row.valid_to == func.any(revisions))
    query = (
        select(row.uid, row.valid_from, row.valid_to, row.labels)
        .where(row.uid == func.any(uids), touched)
        .order_by(row.valid_from)
    )
    found: dict[tuple[UUID, int], dict[str, str]] = {}
    for uid, valid_from, valid_to, labels in tx.execute(query):
        # What begins at a revision comes after what ends there, and is what counts.
        found[uid, valid_from] = labels
        if valid_to is not None:
            found[uid, valid_to] = labels
    return found


def times_of(tx: Transaction, revisions: Iterable[int]) -> dict[int, datetime]:
    """When revisions were made."""
    row = AuditRow
    query = (
        select(row.revision, func.min(row.at))
        .where(row.revision == func.any(list(revisions)))
        .group_by(row.revision)
    )
    return {revision: at for revision, at in tx.execute(query) if revision is not None}


def candidates(tx: Transaction, kind: Kind, since: Since | None) -> list[Candidate]:
    """Objects touched ``since`` (None: all there are) of which something may be news.

    Whatever was said to be fine at its revision, and that no failure names, is as it was said."""
    row = VERSIONED[kind]
    hosts = objects.host_columns(kind)
    query = select(row.uid, row.valid_from, row.project, row.name, row.labels, *hosts).where(
        objects.current(kind),
        objects.once(kind),
        true() if since is None else _touched(tx, kind, since),
    )
    if kind is not Kind.HOST:
        query = query.where(or_(~_said_fine(kind), _named_by_a_failure(tx, kind)))
    return [
        Candidate(
            Subject(uid, revision, tuple(host for host in on if host is not None)),
            Ref(kind, project, name),
            labels,
        )
        for uid, revision, project, name, labels, *on in tx.execute(query.order_by(row.uid))
    ]


def _touched(tx: Transaction, kind: Kind, since: Since) -> ColumnElement[bool]:
    row, member = VERSIONED[kind], HostSegmentRow
    # Also what only the mesh of a segment was changed by.
    by_intent = select(ChangeLogRow.uid).where(
        ChangeLogRow.revision > since.revision, ChangeLogRow.kind == kind
    )
    hosts = list(since.hosts)
    match kind:
        case Kind.HOST:
            by_report: ColumnElement[bool] = row.uid == func.any(hosts)
        case Kind.SEGMENT:
            # Also those that a host has left: its failures there are gone.
            of_hosts = select(member.segment_uid).where(member.host_uid == func.any(hosts))
            by_report = row.uid.in_(of_hosts)
        case Kind.BRIDGE:
            # Also those of groups that a host has left, which may have waited for that one only.
            of_changed = host_groups.of_groups(host_groups.with_other_members(tx, since.revision))
            by_report = or_(host_groups.listed_on(tx, hosts, None), of_changed)
        case Kind.PORT:
            # On a host that refuses it a port is not; and who takes it out there does not write it.
            refused = or_(_is_refused(), _bound_and_told_wrong())
            by_report = or_(objects.on_hosts(kind, hosts), refused)
        case _:
            by_report = objects.on_hosts(kind, hosts)
    return or_(row.uid.in_(by_intent), by_report)


def _is_refused() -> ColumnElement[bool]:
    iface = HostIfaceRow
    return PortRow.iface_id.in_(select(iface.iface_id).where(iface.refusal.is_not(None)))


def _bound_and_told_wrong() -> ColumnElement[bool]:
    told = WebhookToldRow
    wrong = select(told.uid).where(
        told.aspect == PHASE, told.event.in_([Event.DEGRADED.value, Event.FAILED.value])
    )
    return and_(PortRow.iface_id.is_not(None), PortRow.uid.in_(wrong))


def _said_fine(kind: Kind) -> ColumnElement[bool]:
    row, told = VERSIONED[kind], WebhookToldRow
    return exists().where(
        told.uid == row.uid,
        told.aspect == PHASE,
        told.event == Event.REALIZED.value,
        told.revision >= row.valid_from,
    )


def _named_by_a_failure(tx: Transaction, kind: Kind) -> ColumnElement[bool]:
    """Subqueries that do not depend on the row: each is run once for all of them."""
    row, failure, member = VERSIONED[kind], ResourceFailureRow, HostSegmentRow
    named = select(failure.object_uid).where(failure.object_uid.is_not(None))
    hosts = select(failure.host_uid).where(failure.resource == HOST_RESOURCE)
    if kind is Kind.SEGMENT:
        carried = select(member.segment_uid).where(
            member.host_uid.in_(hosts), member.released_revision.is_(None)
        )
        return or_(row.uid.in_(named), row.uid.in_(carried))
    if kind is Kind.BRIDGE:
        on_them = host_groups.listed_on(tx, list(tx.execute(hosts).scalars()), None)
        return or_(row.uid.in_(named), on_them)
    there = [column.in_(hosts) for column in objects.host_columns(kind)]
    refused = [_is_refused()] if kind is Kind.PORT else []
    return or_(row.uid.in_(named), *there, *refused)


def read_told(tx: Transaction, uids: Collection[UUID]) -> dict[tuple[UUID, str], Told]:
    row = WebhookToldRow
    query = select(row.uid, row.aspect, row.event, row.revision)
    found = tx.execute(query.where(row.uid == func.any(list(uids))))
    return {(told.uid, told.aspect): Told(*told) for told in found}


def write_told(tx: Transaction, told: Sequence[Told]) -> None:
    if not told:
        return
    statement = upsert(WebhookToldRow)
    new = statement.excluded
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["uid", "aspect"], set_={"event": new.event, "revision": new.revision}
        ),
        [each._asdict() for each in told],
    )


def forget_told(tx: Transaction) -> None:
    """Nobody asks for statuses any more."""
    tx.execute(delete(WebhookToldRow))


def forget_deleted(tx: Transaction, after: int, upto: int) -> None:
    """Drop what was said of objects that were deleted in (after, upto]."""
    log = ChangeLogRow
    gone: Any = select(log.uid).where(
        log.revision > after, log.revision <= upto, log.action == "deleted"
    )
    tx.execute(delete(WebhookToldRow).where(WebhookToldRow.uid.in_(gone)))
