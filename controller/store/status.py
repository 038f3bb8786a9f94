"""Rows of what hosts report. Every statement that a session makes is fenced by its epoch.

Statements that touch many hosts lock their rows in one order, so they cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    case,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from controller.domain.events import Before, Failing
from controller.store import grants, inventory
from controller.store.engine import Transaction
from controller.store.tables import HostRow, HostStatusRow, ResourceFailureRow

_THIS_XID = cast(cast(func.pg_current_xact_id(), Text), BigInteger)


def open_session(tx: Transaction, host_uid: UUID, start: Mapping[str, Any], now: datetime) -> int:
    """Insert or take over the host's row; ``start`` has the columns that a Hello fills."""
    row = HostStatusRow
    columns = {
        **start,
        "connected": True,
        "silent": False,
        "last_seen": now,
        "written_off_at": None,
        "changed_xid": _THIS_XID,
    }
    first = {"session_epoch": 1, "last_transition": now, "observed_revision": 0, "failures": 0}
    statement = upsert(row).values(host_uid=host_uid, **first, **columns)
    statement = statement.on_conflict_do_update(
        index_elements=["host_uid"],
        set_={
            **columns,
            "session_epoch": row.session_epoch + 1,
            "applied_revision": _applied(start["applied_revision"], start["applied_hash"]),
            "last_transition": case((_HEARD, row.last_transition), else_=now),
        },
    )
    return tx.execute(statement.returning(row.session_epoch)).scalar_one()


_HEARD = HostStatusRow.connected & ~HostStatusRow.silent


def _applied(revision: int, content: bytes) -> ColumnElement[int]:
    """A host that has the same state as before is not behind, whatever revision it came with."""
    row = HostStatusRow
    same = (row.applied_hash == content) & (func.length(row.applied_hash) > 0)
    return case((same, func.greatest(row.applied_revision, revision)), else_=revision)


_HEARTBEATS = text("""
WITH heard AS (
    SELECT host_uid, silent AS was_silent FROM host_status
    JOIN unnest(CAST(:hosts AS uuid[]), CAST(:epochs AS bigint[])) AS t(host_uid, epoch)
        USING (host_uid)
    WHERE session_epoch = epoch
    ORDER BY host_uid FOR NO KEY UPDATE OF host_status
)
UPDATE host_status SET
    last_seen = greatest(last_seen, :now),
    silent = false,
    last_transition = CASE WHEN silent THEN :now ELSE last_transition END,
    changed_xid = CASE
        WHEN silent THEN CAST(CAST(pg_current_xact_id() AS text) AS bigint) ELSE changed_xid
    END
FROM heard WHERE host_status.host_uid = heard.host_uid
RETURNING host_status.host_uid, was_silent
""")


def heartbeats(tx: Transaction, sessions: Mapping[UUID, int], now: datetime) -> dict[UUID, bool]:
    """Answer the hosts whose session is still the newest, and which of them were silent."""
    hosts, epochs = list(sessions), list(sessions.values())
    found = tx.execute(_HEARTBEATS, {"hosts": hosts, "epochs": epochs, "now": now})
    return {each.host_uid: each.was_silent for each in found}


def record(
    tx: Transaction, host_uid: UUID, session_epoch: int, report: Mapping[str, Any], now: datetime
) -> Before | None:
    """Write a report's columns, which locks the host's row to the commit, and answer what they were
    before; None: fenced."""
    row = HostStatusRow
    of_session = (row.host_uid == host_uid, row.session_epoch == session_epoch)
    before = (
        select(row.host_uid, *(getattr(row, name) for name in Before._fields))
        .where(*of_session)
        .with_for_update(key_share=True)
        .cte("before")
    )
    columns = {
        **report,
        "applied_revision": _applied(report["applied_revision"], report["applied_hash"]),
        "silent": False,
        "last_seen": func.greatest(row.last_seen, now),
        "last_transition": case((row.silent, now), else_=row.last_transition),
        "changed_xid": _THIS_XID,
    }
    if "pinned_revision" not in report:
        columns["pinned_revision"] = _pin_after(report["applied_revision"])
    statement = update(row).where(row.host_uid == before.c.host_uid).values(columns)
    was = tx.execute(statement.returning(*(before.c[name] for name in Before._fields))).first()
    return None if was is None else Before(*was)


def record_capabilities(
    tx: Transaction, host_uid: UUID, session_epoch: int, capabilities: Mapping[str, Any]
) -> bool:
    row = HostStatusRow
    statement = update(row).where(row.host_uid == host_uid, row.session_epoch == session_epoch)
    return tx.execute(statement.values(capabilities=capabilities)).rowcount == 1


def _pin_after(applied_revision: int) -> ColumnElement[int | None]:
    """A host that has applied more than its pin allows was pinned by a report that came late."""
    row = HostStatusRow
    return case((row.pinned_revision < applied_revision, None), else_=row.pinned_revision)


def replace_failures(
    tx: Transaction, host_uid: UUID, failures: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Make these the host's failures. One of the same kind and reason as before keeps its age."""
    row = ResourceFailureRow
    names = [failure["resource"] for failure in failures]
    tx.execute(delete(row).where(row.host_uid == host_uid, row.resource != func.all(names)))
    if not failures:
        return
    statement = upsert(row)
    new = statement.excluded
    changed = or_(row.kind != new.kind, row.reason != new.reason)
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["host_uid", "resource"],
            set_={
                "kind": new.kind,
                "reason": new.reason,
                "message": new.message,
                "since": case((changed, new.since), else_=row.since),
            },
        ),
        [{**failure, "host_uid": host_uid, "since": now} for failure in failures],
    )


def read_failing(tx: Transaction, host_uid: UUID) -> dict[str, Failing]:
    """All failures of a host, by resource."""
    row = ResourceFailureRow
    query = select(row.resource, row.object_uid, row.reason, row.message)
    found = tx.execute(query.where(row.host_uid == host_uid).order_by(row.resource))
    return {each.resource: Failing(*each) for each in found}


def read_failures(
    tx: Transaction, hosts: Iterable[UUID], reason: str
) -> Sequence[tuple[UUID, str, str, str, str]]:
    """Host, resource, kind, reason and message of each failure with this reason, by host."""
    row = ResourceFailureRow
    query = select(row.host_uid, row.resource, row.kind, row.reason, row.message).where(
        row.host_uid == func.any(list(hosts)), row.reason == reason
    )
    return tx.execute(query.order_by(row.host_uid, row.resource)).all()


_ADVANCE = text("""
WITH same AS (
    SELECT host_uid FROM host_status
    JOIN unnest(CAST(:hosts AS uuid[]), CAST(:hashes AS bytea[])) AS t(host_uid, hash)
        USING (host_uid)
    WHERE applied_hash = hash AND applied_revision < :revision
    ORDER BY host_uid FOR NO KEY UPDATE OF host_status
)
UPDATE host_status SET
    applied_revision = :revision,
    observed_revision = greatest(observed_revision, :revision),
    advanced_xid = CAST(CAST(pg_current_xact_id() AS text) AS bigint)
FROM same WHERE host_status.host_uid = same.host_uid
RETURNING 1
""")


def advance(tx: Transaction, hosts: Mapping[UUID, bytes], revision: int) -> int:
    values = {"hosts": list(hosts), "hashes": list(hosts.values()), "revision": revision}
    return len(tx.execute(_ADVANCE, values).all())


def close_session(tx: Transaction, host_uid: UUID, session_epoch: int, now: datetime) -> bool:
    """Answer whether the host was heard until now."""
    row = HostStatusRow
    before = (
        select(row.host_uid, _HEARD.label("was_heard"))
        .where(row.host_uid == host_uid, row.session_epoch == session_epoch, row.connected)
        .with_for_update(key_share=True)
        .cte("before")
    )
    statement = (
        update(row)
        .where(row.host_uid == before.c.host_uid)
        .values(
            connected=False,
            last_transition=case((_HEARD, now), else_=row.last_transition),
            changed_xid=_THIS_XID,
        )
    )
    return bool(tx.execute(statement.returning(before.c.was_heard)).scalar_one_or_none())


_SET_BACK = text("""
WITH ahead AS (
    SELECT host_uid FROM host_status
    WHERE greatest(last_seen, last_transition) > :ahead
    ORDER BY host_uid FOR NO KEY UPDATE OF host_status
)
UPDATE host_status SET
    last_seen = least(last_seen, :now),
    last_transition = least(last_transition, :now),
    changed_xid = CASE
        WHEN last_transition > :now THEN CAST(CAST(pg_current_xact_id() AS text) AS bigint)
        ELSE changed_xid
    END
FROM ahead WHERE host_status.host_uid = ahead.host_uid
""")


def set_back(tx: Transaction, *, ahead: datetime, now: datetime) -> None:
    """Nobody was heard in times that are still to come: a clock that said so was set back, and what
    is later than ``ahead`` is from now."""
    tx.execute(_SET_BACK, {"ahead": ahead, "now": now})


def silence(tx: Transaction, *, unheard_since: datetime, now: datetime) -> list[UUID]:
    """Answer the hosts that are silent from now on."""
    row = HostStatusRow
    unheard = (
        select(row.host_uid)
        .where(row.connected, ~row.silent, row.last_seen < unheard_since)
        .order_by(row.host_uid)
        .with_for_update(key_share=True)
        .cte("unheard")
    )
    statement = (
        update(row)
        .where(row.host_uid == unheard.c.host_uid)
        .values(silent=True, last_transition=now, changed_xid=_THIS_XID)
    )
    return list(tx.execute(statement.returning(row.host_uid)).scalars())


def forget(tx: Transaction, hosts: Iterable[UUID]) -> None:
    """Drop what deleted hosts reported; a session that one still has is fenced by that."""
    uids = list(hosts)
    if not uids:
        return
    lock(tx, uids)
    tx.execute(delete(HostStatusRow).where(HostStatusRow.host_uid == func.any(uids)))
    tx.execute(delete(ResourceFailureRow).where(ResourceFailureRow.host_uid == func.any(uids)))
    inventory.forget(tx, uids)
    grants.forget(tx, uids)


def is_heard(tx: Transaction, host_uid: UUID) -> bool:
    query = select(exists().where(HostStatusRow.host_uid == host_uid, _HEARD))
    return tx.execute(query).scalar_one()


def heard_until(tx: Transaction, host_uid: UUID) -> datetime | None:
    """When the host's machine was heard last, or was found not to be heard any more: nobody may
    have looked in between. None: never, or it is written off."""
    row = HostStatusRow
    query = select(func.greatest(row.last_seen, row.last_transition)).where(
        row.host_uid == host_uid, row.written_off_at.is_(None)
    )
    return tx.execute(query).scalar_one_or_none()


def write_off(
    tx: Transaction, host_uid: UUID, now: datetime, *, keeps_inventory: bool = False
) -> None:
    """Forget what the host's machine said, and wait for it no longer; its session is fenced. Unlike
    what is forgotten of a host that is deleted, a later session has a later epoch.

    Without the inventory, its bound ports are plugged there no longer, and leave."""
    row = HostStatusRow
    lock(tx, [host_uid])
    nothing = {"accepted_revision": 0, "observed_revision": 0, "applied_revision": 0, "failures": 0}
    tx.execute(
        update(row)
        .where(row.host_uid == host_uid)
        .values(
            **nothing,
            session_epoch=row.session_epoch + 1,
            applied_hash=b"",
            outcome=None,
            pinned_revision=None,
            undone_revision=None,
            pin_reason=None,
            connected=False,
            silent=False,
            written_off_at=now,
            last_transition=case((_HEARD, now), else_=row.last_transition),
            changed_xid=_THIS_XID,
        )
    )
    tx.execute(delete(ResourceFailureRow).where(ResourceFailureRow.host_uid == host_uid))
    grants.forget(tx, [host_uid], keeps_count=True)
    if not keeps_inventory:
        inventory.forget(tx, [host_uid])


def lift_pin(tx: Transaction, host_uid: UUID) -> None:
    """Let a host follow the head again."""
    row = HostStatusRow
    tx.execute(
        update(row)
        .where(row.host_uid == host_uid)
        .values(pinned_revision=None, undone_revision=None, changed_xid=_THIS_XID)
    )


def lock(tx: Transaction, hosts: list[UUID]) -> None:
    """Keep reports of the hosts out to the commit."""
    row = HostStatusRow
    query = select(row.host_uid).where(row.host_uid == func.any(hosts)).order_by(row.host_uid)
    tx.execute(query.with_for_update()).all()


_OVER_BELOW = text("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)")


def changed_hosts(tx: Transaction, cursor: int) -> tuple[dict[UUID, bool], int]:
    """Hosts whose row a transaction wrote that was not surely over at the cursor, each with whether
    only its revisions moved, and the next cursor."""
    row = HostStatusRow
    query = select(row.host_uid, (row.changed_xid < cursor).label("only_moved"))
    found = tx.execute(query.where(or_(row.changed_xid >= cursor, row.advanced_xid >= cursor)))
    return {each.host_uid: each.only_moved for each in found}, cursor_now(tx)


def cursor_now(tx: Transaction) -> int:
    """Below it, all transactions were over when this snapshot was taken."""
    found: int = tx.execute(_OVER_BELOW).scalar_one()
    return found


class Reported(NamedTuple):
    host_uid: UUID
    host: str
    revision: int
    """Of the host object."""
    heard: bool
    applied_revision: int
    observed_revision: int
    outcome: str | None
    failures: int


def read_reported(tx: Transaction, hosts: Iterable[UUID]) -> list[Reported]:
    row = HostStatusRow
    query = (
        select(
            row.host_uid,
            HostRow.name,
            HostRow.valid_from,
            _HEARD,
            row.applied_revision,
            row.observed_revision,
            row.outcome,
            row.failures,
        )
        .join(HostRow, HostRow.uid == row.host_uid)
        .where(row.host_uid == func.any(list(hosts)), HostRow.valid_to.is_(None))
        .order_by(HostRow.name)
    )
    return [Reported(*found) for found in tx.execute(query)]
