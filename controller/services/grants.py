"""What operators allow on hosts: to try again, to let go, to be cut off, to take over.

Owns the acts, each one transaction, one fleet revision and one audit row. They are no intent: no
object gets another version by them, and the change log only says that the host is to be sent its
state anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from controller.auth import Principal, Verb, may
from controller.compiler.naming import (
    OVERLAY_ID,
    bridge_id,
    explicit_tunnel_id,
    object_of,
    port_id,
)
from controller.domain.errors import ForbiddenError, InvalidError, NotFoundError, Violation
from controller.domain.events import EventType, allowed
from controller.domain.grants import Asked, GrantKind, Pin, Released, is_large, released
from controller.domain.intent import DEFAULT_PROJECT, HostSpec, Kind, Lifecycle, Object
from controller.services import queries
from controller.services.intent import ConfirmationNeededError, Writer
from controller.services.pins import pin_warnings
from controller.store import events, status
from controller.store import grants as rows
from controller.store.audit import write_audit
from controller.store.changelog import ADOPTED, RELEASED, Entry, append
from controller.store.engine import Database, Transaction
from controller.store.fleet import advance_revision
from controller.store.grants import Grant, Granting
from controller.store.host_groups import bridges_on
from controller.store.lifecycles import left_on
from controller.store.listing import Listed
from controller.store.notify import notify_intent

_KINDS = {
    "port": Kind.PORT,
    "tunnel": Kind.TUNNEL,
    "segment": Kind.SEGMENT,
    "mirror": Kind.MIRROR,
    "flow-export": Kind.FLOW_EXPORT,
}
"""By the first word of a resource, what is counted to have it confirmed; else a bridge."""
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
    withdrawn: tuple[str, ...] = ()
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
    """What a host is allowed beyond intent for now, and why it is held."""

    host: str
    count: int
    grants: tuple[Grant, ...]
    pin: Pin | None


def release(writer: Writer, host_ref: str, asked: Asked, *, now: datetime) -> Act:
    """Lets a host do what waits for a person. Where nothing does, nothing is written.

    InvalidError names what the host does not report; NotFoundError without the host;
    ConfirmationNeededError where so much is to be taken away that its number has to be said."""
    host = _operated(writer.tx, writer.principal, host_ref)
    status.lock(writer.tx, [host.uid])
    pin = _liftable_pin(writer.tx, host)
    held = rows.read_held(writer.tx, host.uid)
    what = released(asked, held, _granted(writer.tx, host.uid), pin)
    _ask(writer.tx, host, asked, what)
    if what.is_nothing:
        return Act(host.name, writer.head, what, warnings=_warnings(writer, host, what))
    if what.pin is not None:
        status.lift_pin(writer.tx, host.uid)
    rows.write_grants(
        writer.tx,
        _granting(writer, host, now),
        {GrantKind.REMOVAL: what.removals, GrantKind.FORCE: what.forced},
        _about(host, what.forced),
        lifts_pin=what.pin is not None,
        mends=asked.drift,
    )
    _tell(writer, host, RELEASED, "host.released", _detail(what))
    return Act(host.name, writer.head + 1, what, warnings=_warnings(writer, host, what))


def withdraw(writer: Writer, host_ref: str, resources: Sequence[str]) -> Act:
    """Takes back what was granted for these, or all of it. Where nothing was, nothing is written.

    What the host has done meanwhile stays done; the warnings say whether it may go on until it
    hears of it. NotFoundError without the host."""
    host = _operated(writer.tx, writer.principal, host_ref)
    ended = sorted(rows.withdraw(writer.tx, host.uid, resources))
    if unknown := [each for each in resources if each not in ended]:
        detail = f"nothing is granted for {unknown[0]!r}"
        fix = "name resources of GET .../grants"
        faults = [Violation(f"/resources/{resources.index(unknown[0])}", "no_grant", detail, fix)]
        raise InvalidError(detail, faults)
    if not ended:
        return Act(host.name, writer.head)
    _tell(writer, host, RELEASED, "host.withdrawn", {"resources": ended})
    warnings = tuple(_going_on(writer, host))
    return Act(host.name, writer.head + 1, withdrawn=tuple(ended), warnings=warnings)


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
        _about(host, resources),
        accept_differences=accept_differences,
    )
    _tell(
        writer,
        host,
        ADOPTED,
        "host.adopted",
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


def _going_on(writer: Writer, host: Object) -> Iterator[Violation]:
    """Why the host may still do what it is not to do any more."""
    name, uid = host.name, host.uid
    may_still = f"host {name!r} may still do what it was granted before"
    if not status.is_heard(writer.tx, uid):
        detail = f"{may_still}: it is not heard, and learns of this when it is back"
        fix = f"wait until `ovsfleet describe host {name}` shows it connected, or stop it there"
        yield Violation("", "host_away", detail, fix)
    if uid in rows.read_pins(writer.tx, [uid]):
        detail = f"{may_still}: it is held at what it went back to, and takes nothing else"
        fix = f"it learns of this with `ovsfleet release {name}`"
        yield Violation("", "host_pinned", detail, fix)


def _granted(tx: Transaction, host_uid: UUID) -> dict[GrantKind, frozenset[str]]:
    """What is on its way to the host, by kind. What was forced and the host waits for all the same
    once it knows of that was for another state of its object: it has to be forced anew."""
    known = rows.read_observed(tx, host_uid)
    found = [
        each
        for each in rows.read_grants(tx, host_uid)
        if each.kind is not GrantKind.FORCE or each.revision > known
    ]
    return {kind: frozenset(g.resource for g in found if g.kind is kind) for kind in GrantKind}


def _liftable_pin(tx: Transaction, host: Object) -> Pin | None:
    """One of a host in maintenance stays: the host is held at what it undid, or before it, so that
    to let it try again now would send it that, and no correction."""
    if _is_maintained(host):
        return None
    found = rows.read_pins(tx, [host.uid]).get(host.uid)
    return rows.read_undone(tx, host.uid) if found is None else found[1]


def _is_maintained(host: Object) -> bool:
    return isinstance(host.spec, HostSpec) and host.spec.state is Lifecycle.MAINTENANCE


def _ask(tx: Transaction, host: Object, asked: Asked, what: Released) -> None:
    """A number that was given must be right even where none was needed."""
    number = len(what.removals)
    there = sum(left_on(tx, [host.uid])[host.uid].values()) + number + len(what.staying)
    if asked.confirm_count is None and not is_large(number, there):
        return
    if asked.confirm_count != number:
        counts = Counter(_KINDS.get(each.partition(":")[0], Kind.BRIDGE) for each in what.removals)
        raise ConfirmationNeededError(counts, asked.confirm_count)


def _warnings(writer: Writer, host: Object, what: Released) -> tuple[Violation, ...]:
    pinned = pin_warnings(writer.tx, writer.principal, [host.uid])
    if pinned and _is_maintained(host):
        fix = f"set its state to active, then `ovsfleet release {host.name}`"
        pinned = tuple(replace(each, code="host_maintained", fix=fix) for each in pinned)
    if not what.staying:
        return pinned
    detail = f"{len(what.staying)} resources that intent does not know stay on host {host.name!r}"
    fix = f"`ovsfleet release {host.name} --removals` takes them away, `--only` some of them"
    return (*pinned, Violation("", "removals_held", detail, fix))


def _about(host: Object, resources: Iterable[str]) -> dict[str, UUID]:
    """By resource, the object that makes it what it is."""
    whose = {each: host.uid if each == OVERLAY_ID else object_of(each) for each in resources}
    return {resource: uid for resource, uid in whose.items() if uid is not None}


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


def _tell(
    writer: Writer, host: Object, action: str, audited: str, detail: Mapping[str, Any]
) -> None:
    """Say it in the log under a revision of its own, so that the host is sent its state anew."""
    revision = writer.head + 1
    append(writer.tx, revision, [Entry(host.ref, host.uid, action, None)])
    advance_revision(writer.tx, revision)
    notify_intent(writer.tx)
    write_audit(
        writer.tx,
        principal=writer.principal.name,
        request_id=writer.request_id,
        action=audited,
        revision=revision,
        detail={"host": host.name, **detail},
    )
    told = allowed(
        EventType(audited),
        host,
        ", ".join(f"{key}: {_said(value)}" for key, value in detail.items()),
        principal=writer.principal.name,
        revision=revision,
    )
    events.add(writer.tx, [told], datetime.now(UTC))


def _said(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


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
