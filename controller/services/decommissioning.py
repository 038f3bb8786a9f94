"""The end of a host's life: asked for by people, and finished by the controller.

A host that is being decommissioned is removed when nothing is left on it, it has said so, and
nobody has a tunnel to it any more. Owns nothing: the host is written as anybody would write it, and
what its machine may do ends in the same transaction.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from controller.auth import Principal, Role
from controller.domain.departures import DEAD_AFTER, Revocation
from controller.domain.errors import ConflictError, DomainError, UnavailableError
from controller.domain.events import given_up
from controller.domain.intent import HostSpec, Lifecycle, Manifest, Mode, Object
from controller.observability import get_logger
from controller.services.intent import Change, ChangeResult, Writer
from controller.store import credentials, departures, events, status
from controller.store.audit import write_audit
from controller.store.engine import Database, Transaction
from controller.store.fleet import lock_revision

log = get_logger(__name__)

_CONTROLLER = Principal("system:departures", frozenset({Role.NETWORK_ADMIN}))
_REQUEST_ID = "departures"
_MOST_AT_ONCE = 100
"""Hosts in one go, each in a revision of its own: others can write in between."""


def decommission(
    writer: Writer, host: Object, *, force: bool, now: datetime, listened: timedelta
) -> ChangeResult:
    """Starts it, or goes on with it. ``force`` gives up the host's machine, which is dead: nobody
    waits for its word any more, unless it comes back. ConflictError: it is heard, or was lately, or
    would not have been: ``listened`` says for how long it could have made itself heard."""
    spec = host.spec
    assert isinstance(spec, HostSpec)  # noqa: S101 - the caller looked for a host
    if spec.state is not Lifecycle.REMOVED:
        spec = replace(spec, state=Lifecycle.DECOMMISSIONING)
    manifest = Manifest(host.ref, spec, host.labels, Mode.REPLACE)
    result = writer.commit(Change(manifests=(manifest,)))
    if force and spec.state is not Lifecycle.REMOVED:
        _give_up(writer, host, now, listened)
    return result


def _give_up(writer: Writer, host: Object, now: datetime, listened: timedelta) -> None:
    # No session opens from here on that is not seen.
    status.lock(writer.tx, [host.uid])
    if status.is_heard(writer.tx, host.uid):
        raise ConflictError(
            f"host {host.name!r} is heard, and says itself when it has let go of everything: leave"
            " out force, or stop the agent there first"
        )
    heard = status.heard_until(writer.tx, host.uid)
    if heard is not None and (why := _may_live(heard, now, listened)):
        raise ConflictError(
            f"host {host.name!r} {why}: leave out force, or stop the agent there and say it again"
            f" after {DEAD_AFTER.total_seconds():.0f} s of silence"
        )
    status.write_off(writer.tx, host.uid, now)
    events.add(writer.tx, [given_up(host.uid, writer.principal.name)], now)
    write_audit(
        writer.tx,
        principal=writer.principal.name,
        request_id=writer.request_id,
        action="host.give_up",
        detail={"host": host.name},
    )


def _may_live(heard: datetime, now: datetime, listened: timedelta) -> str:
    """Why nothing says that a machine is dead; empty when it has been silent for long enough."""
    if now - heard < DEAD_AFTER:
        return f"was heard until {heard:%Y-%m-%dT%H:%M:%SZ}, and may only have lost its connection"
    if listened < DEAD_AFTER:
        return (
            f"could make itself heard for {listened.total_seconds():.0f} s only, since this"
            " controller started, its database was away or its clock was set"
        )
    return ""


def settle(db: Database, *, now: datetime) -> tuple[str, ...]:
    """Removes the hosts that nothing holds up any more, and names them.

    Looks before it locks, because most times there are none. One that is refused, or meets a fault,
    holds up nobody else, now or the next time: chance says who is tried."""
    with db.snapshot() as tx:
        ready = _ready(tx, departures.any_leaving(tx))
    tried = random.sample(ready, min(len(ready), _MOST_AT_ONCE))
    removed = (_remove(db, uid, now) for uid in tried)
    return tuple(name for name in removed if name is not None)


def _ready(tx: Transaction, leaving: list[UUID]) -> list[UUID]:
    if not leaving:
        return []
    return [uid for uid, found in departures.departures_of(tx, leaving).items() if found.is_over]


def _remove(db: Database, uid: UUID, now: datetime) -> str | None:
    """Name the host; None: somebody put something on it, or back to use, meanwhile."""
    try:
        with db.transaction() as tx:
            head = lock_revision(tx)
            host = departures.host_of(tx, uid)
            if host is None or not _ready(tx, [uid]):
                return None
            _carry_out(Writer(tx, _CONTROLLER, _REQUEST_ID, head), host, now)
            return host.name
    except UnavailableError:
        raise
    except DomainError as error:
        log.warning("The end of a host is refused", host_uid=str(uid), why=error.detail)
    except Exception:
        log.exception("Fault at the end of a host", host_uid=str(uid))
    return None


def _carry_out(writer: Writer, host: Object, now: datetime) -> None:
    assert isinstance(host.spec, HostSpec)  # noqa: S101 - read as such
    spec = replace(host.spec, state=Lifecycle.REMOVED)
    gone = Manifest(host.ref, spec, host.labels, Mode.REPLACE, removes_host=True)
    result = writer.commit(Change(manifests=(gone,)))
    credentials.revoke(writer.tx, [host.uid], Revocation.REMOVED, now)
    status.write_off(writer.tx, host.uid, now)
    write_audit(
        writer.tx,
        principal=writer.principal.name,
        request_id=writer.request_id,
        action="host.remove",
        revision=result.revision,
        detail={"host": host.name},
    )
