"""What others changed on hosts, as their agents found it.

Owns ``drift_event``. The session epoch fences, as it does for reports. Must not touch intent, and
must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controller.auth import Principal
from controller.compiler.naming import object_of
from controller.domain.events import drifted
from controller.domain.intent import DEFAULT_PROJECT, Kind, Ref
from controller.domain.paging import decode_place, number
from controller.domain.safety import DriftAction
from controller.services.queries import find, inspects
from controller.store import drift as rows
from controller.store import events
from controller.store.drift import Speaker, Wanted
from controller.store.engine import Database
from controller.store.listing import read_refs

__all__ = [
    "Difference",
    "DriftEvent",
    "EventPage",
    "FoundEvent",
    "Wanted",
    "forget",
    "list_events",
    "list_on_host",
    "record",
]

KEPT_FOR = timedelta(days=30)
KEPT_OF_A_HOST = 10_000
"""Somebody who changes a host over and over fills no disk."""


@dataclass(frozen=True, slots=True)
class Difference:
    field: str
    intended: str
    found: str


@dataclass(frozen=True, slots=True)
class DriftEvent:
    """As an agent tells it."""

    sequence: int
    at: datetime | None
    """None: it told no time."""
    resource: str
    action: DriftAction
    differences: tuple[Difference, ...]
    who: str


@dataclass(frozen=True, slots=True)
class FoundEvent:
    host: str
    at: datetime
    received_at: datetime
    resource: str
    object: Ref | None
    """None when it was of none, or is not to be known."""
    action: DriftAction
    differences: tuple[Difference, ...]
    who: str


@dataclass(frozen=True, slots=True)
class EventPage:
    items: tuple[FoundEvent, ...]
    next_after: str
    """Give it as ``after`` for the next page; empty on the last."""


def record(
    db: Database,
    host_uid: UUID,
    session_epoch: int,
    found: Sequence[DriftEvent],
    *,
    now: datetime,
) -> bool:
    """Stores those that are not stored yet; False: fenced."""
    with db.transaction() as tx:
        speaker = rows.read_speaker(tx, host_uid, session_epoch)
        if speaker is None:
            return False
        uids = {uid for event in found if (uid := object_of(event.resource)) is not None}
        refs = read_refs(tx, uids) if uids else {}
        columns = [_columns(host_uid, speaker, event, refs, now) for event in found]
        new = rows.add(tx, columns)
        told = (
            drifted(
                Ref(Kind.HOST, DEFAULT_PROJECT, speaker.host),
                host_uid,
                each.action,
                _about(each.resource, refs),
                what=", ".join(sorted({difference.field for difference in each.differences})),
                who=each.who,
            )
            for each in found
            if each.sequence in new
        )
        events.add(tx, told, now)
        return True


def _about(resource: str, refs: Mapping[UUID, Ref]) -> Ref | str:
    uid = object_of(resource)
    return resource if uid is None else refs.get(uid, resource)


def _columns(
    host_uid: UUID, speaker: Speaker, event: DriftEvent, refs: Mapping[UUID, Ref], now: datetime
) -> dict[str, Any]:
    uid = object_of(event.resource)
    ref = refs.get(uid) if uid is not None else None
    return {
        "host_uid": host_uid,
        "nonce": speaker.nonce,
        "sequence": event.sequence,
        "host": speaker.host,
        "at": event.at or now,
        "received_at": now,
        "resource": event.resource,
        "object_kind": ref.kind if ref else None,
        "object_uid": uid if ref else None,
        "object_project": ref.project if ref else None,
        "object_name": ref.name if ref else None,
        "action": event.action,
        "differences": [asdict(each) for each in event.differences],
        "who": event.who,
    }


def list_events(
    db: Database, principal: Principal, wanted: Wanted, *, page_size: int, after: str = ""
) -> EventPage:
    """Newest first: a page of what the principal may see."""
    sees_all = inspects(principal)
    within = None if sees_all else principal.projects or frozenset()
    before = _place(after)
    with db.snapshot() as tx:
        stored = rows.read_page(tx, wanted, within, before=before, limit=page_size + 1)
    shown = stored[:page_size]
    return EventPage(
        items=tuple(_found(each, whole=sees_all) for each in shown),
        next_after=str(shown[-1].id) if len(stored) > page_size else "",
    )


def _place(after: str) -> int | None:
    found = decode_place(after, number)
    return None if found is None else int(found[0])


def list_on_host(
    db: Database, principal: Principal, host_ref: str, *, page_size: int, after: str = ""
) -> EventPage:
    """Of a host that is there, by name or uid."""
    with db.snapshot() as tx:
        host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref).object
    wanted = Wanted(host=host.name, host_uid=host.uid)
    return list_events(db, principal, wanted, page_size=page_size, after=after)


def _found(stored: rows.Stored, *, whole: bool) -> FoundEvent:
    ref = None
    if stored.object_kind and stored.object_project and stored.object_name:
        ref = Ref(stored.object_kind, stored.object_project, stored.object_name)
    return FoundEvent(
        host=stored.host,
        at=stored.at,
        received_at=stored.received_at,
        resource=stored.resource,
        object=ref,
        action=stored.action,
        differences=tuple(Difference(**each) for each in stored.differences),
        who=stored.who if whole else _program(stored.who),
    )


def _program(who: str) -> str:
    """Which program it was, without its arguments: those may name what is other projects'."""
    program, colon, _ = who.partition(": ")
    return program if colon else program.partition(" ")[0]


def forget(db: Database, *, now: datetime) -> int:
    """Drops what is older than 30 days, and of each host all but the newest; answers how many."""
    with db.transaction() as tx:
        return rows.forget(tx, before=now - KEPT_FOR, keep=KEPT_OF_A_HOST)
