"""What operators allow on hosts: to try again, to let go, to be cut off, to take over.

Owns the acts, each one transaction, one fleet revision and one audit row. They are no intent: no
object gets another version by them, and the change log only says that the host is to be sent its
state anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from controller.auth import Principal, Verb, may
from controller.compiler.naming import OVERLAY_ID, bridge_id, explicit_tunnel_id, port_id
from controller.domain.errors import ForbiddenError, InvalidError, NotFoundError, Violation
from controller.domain.grants import Asked, GrantKind, Pin, Released, released
from controller.domain.intent import DEFAULT_PROJECT, Kind, Object
from controller.services import queries
from controller.services.intent import Writer
from controller.services.pins import pin_warnings
from controller.store import grants as rows
from controller.store import status
from controller.store.audit import write_audit
from controller.store.changelog import ADOPTED, RELEASED, Entry, append
from controller.store.engine import Database, Transaction
from controller.store.fleet import advance_revision
from controller.store.grants import Grant, Granting
from controller.store.host_groups import bridges_on
from controller.store.listing import Listed
from controller.store.notify import notify_intent

_IDS = {Kind.BRIDGE: bridge_id, Kind.PORT: port_id, Kind.TUNNEL: explicit_tunnel_id}
"""What can have the name of something that is there: all else is named by the agent."""


@dataclass(frozen=True, slots=True)
class Act:
    """What came of it."""

    host: str
    revision: int
    """The fleet's afterwards; the same as before where nothing was held."""
    released: Released = field(default_factory=Released)
    adopted: tuple[str, ...] = ()
    warnings: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be taken over: an object by kind and name, or a resource by its id."""

    resource: str | None = None
    kind: Kind | None = None
    project: str = DEFAULT_PROJECT
    name: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a host was allowed and has not done yet, and why it is held."""

    host: str
    count: int
    grants: tuple[Grant, ...]
    pin: Pin | None


def release(writer: Writer, host_ref: str, asked: Asked, *, now: datetime) -> Act:
    """Lets a host do what waits for a person. Where nothing does, nothing is written.

    InvalidError names what the host does not report; NotFoundError without the host."""
    host = _operated(writer.tx, writer.principal, host_ref)
    status.lock(writer.tx, [host.uid])
    found = rows.read_pins(writer.tx, [host.uid]).get(host.uid)
    held = rows.read_held(writer.tx, host.uid)
    what = released(asked, held, _granted(writer.tx, host.uid), found[1] if found else None)
    if what.is_nothing:
        return Act(host.name, writer.head, what)
    granted = {GrantKind.REMOVAL: what.removals, GrantKind.FORCE: what.forced}
    if what.pin is not None:
        status.lift_pin(writer.tx, host.uid)
    act = Act(host.name, writer.head + 1, what)
    rows.write_grants(
        writer.tx, _granting(writer, host, now), granted, lifts_pin=what.pin is not None
    )
    _tell(writer, host, RELEASED, _detail(what))
    return replace(act, warnings=pin_warnings(writer.tx, writer.principal, [host.uid]))


def adopt(
    writer: Writer,
    host_ref: str,
    wanted: Sequence[Wanted],
    *,
    accept_differences: bool,
    now: datetime,
) -> Act:
    """Lets objects on a host take over what is there under their names.

    InvalidError names what is not on the host; NotFoundError without the host."""
    host = _operated(writer.tx, writer.principal, host_ref)
    resources = _resources(writer, host, wanted)
    rows.write_grants(
        writer.tx,
        _granting(writer, host, now),
        {GrantKind.ADOPT: resources},
        accept_differences=accept_differences,
    )
    _tell(
        writer,
        host,
        ADOPTED,
        {"resources": sorted(resources), "accept_differences": accept_differences},
    )
    return Act(
        host.name,
        writer.head + 1,
        adopted=tuple(sorted(resources)),
        warnings=pin_warnings(writer.tx, writer.principal, [host.uid]),
    )


def standing(db: Database, principal: Principal, host_ref: str) -> Standing:
    """What was granted is for who may see all that is on a host; that it is held, for everybody."""
    with db.snapshot() as tx:
        host = queries.find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref).object
        found = rows.read_pins(tx, [host.uid]).get(host.uid)
        whole = Standing(
            host=host.name,
            count=rows.count_grants(tx, host.uid),
            grants=tuple(rows.read_grants(tx, host.uid)),
            pin=found[1] if found else None,
        )
    if queries.inspects(principal):
        return whole
    return replace(whole, grants=(), pin=whole.pin and replace(whole.pin, reason=""))


def _operated(tx: Transaction, principal: Principal, host_ref: str) -> Object:
    if not may(principal, Verb.OPERATE, Kind.HOST, DEFAULT_PROJECT):
        raise ForbiddenError(
            f"{principal.name!r} may not release hosts nor adopt what is on them; ask an operator"
            " or a network-admin of all projects"
        )
    return queries.find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref).object


def _granted(tx: Transaction, host_uid: UUID) -> dict[GrantKind, frozenset[str]]:
    """What was granted and is still to be done, by kind."""
    found = rows.read_grants(tx, host_uid)
    return {kind: frozenset(g.resource for g in found if g.kind is kind) for kind in GrantKind}


def _granting(writer: Writer, host: Object, now: datetime) -> Granting:
    return Granting(host.uid, writer.head + 1, writer.principal.name, now)


def _detail(what: Released) -> dict[str, Any]:
    found: dict[str, Any] = {
        "removals": list(what.removals),
        "forced": list(what.forced),
        "retried": list(what.retried),
    }
    if what.pin is not None:
        found["pin"] = what.pin.revision
    return {key: value for key, value in found.items() if value != []}


def _tell(writer: Writer, host: Object, action: str, detail: Mapping[str, Any]) -> None:
    """Say it in the log under a revision of its own, so that the host is sent its state anew."""
    revision = writer.head + 1
    append(writer.tx, revision, [Entry(host.ref, host.uid, action, None)])
    advance_revision(writer.tx, revision)
    notify_intent(writer.tx)
    write_audit(
        writer.tx,
        principal=writer.principal.name,
        request_id=writer.request_id,
        action=f"host.{action}",
        revision=revision,
        detail={"host": host.name, **detail},
    )


def _resources(writer: Writer, host: Object, wanted: Sequence[Wanted]) -> frozenset[str]:
    there = _adoptable(writer.tx, host, writer.head)
    reported = {each.resource for each in rows.read_held(writer.tx, host.uid)}
    found: set[str] = set()
    faults: list[Violation] = []
    for index, each in enumerate(wanted):
        resource = _resource(writer, each)
        if resource in there or (each.resource and resource in reported):
            found.add(resource)
            continue
        called = each.resource or f"{each.kind} {each.name!r}"
        detail = f"{called} is nothing that host {host.name!r} is to have"
        fix = "name bridges, ports and tunnels that are intended on the host, or what it reports"
        faults.append(Violation(f"/resources/{index}", "not_on_host", detail, fix))
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return frozenset(found)


def _resource(writer: Writer, wanted: Wanted) -> str:
    """Its id; empty when there is no such object."""
    if wanted.resource is not None or wanted.kind is None:
        return wanted.resource or ""
    try:
        found = _find(writer, wanted.kind, wanted)
    except NotFoundError:
        return ""
    return _IDS[wanted.kind](found.object.uid)


def _find(writer: Writer, kind: Kind, wanted: Wanted) -> Listed:
    return queries.find(writer.tx, writer.principal, kind, wanted.project, wanted.name)


def _adoptable(tx: Transaction, host: Object, head: int) -> frozenset[str]:
    """Ids of what is intended on the host under a name of its own."""
    bridges = bridges_on(tx, {host.uid: host}, head)[host.uid]
    return frozenset(
        {
            OVERLAY_ID,
            *(bridge_id(bridge.uid) for bridge in bridges),
            *(port_id(uid) for uid in rows.uids_on(tx, Kind.PORT, host.uid)),
            *(explicit_tunnel_id(uid) for uid in rows.uids_on(tx, Kind.TUNNEL, host.uid)),
        }
    )
