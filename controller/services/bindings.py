"""Bound ports follow their interfaces: wherever agents report an iface-id, its port is.

Owns nothing. A port is written as anybody would write it, as it is, and is given its hosts on the
way: so rules, change log, audit, webhooks and ETags are those of every change. What the rules
refuse is noted beside the interface, and stops no other port.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.auth import Principal, Role
from controller.domain.errors import DomainError, UnavailableError
from controller.domain.intent import Manifest, Mode, Object, PortSpec, Ref
from controller.observability import get_logger
from controller.services.intent import Change, Writer
from controller.store import bindings as rows
from controller.store.engine import Database, Transaction
from controller.store.fleet import lock_revision
from controller.store.objects import fetch_refs

__all__ = ["catch_up", "follow"]

log = get_logger(__name__)

_CONTROLLER = Principal("system:bindings", frozenset({Role.NETWORK_ADMIN}))
_REQUEST_ID = "bindings"
_MOST_AT_ONCE = 500
"""Ports of one sweep; the next one takes the others."""


def catch_up(db: Database) -> int:
    """Brings ports to where their interfaces are, whoever missed to; answers how many it tried.

    Also tries again what was refused, once its host, segment or the port itself is another."""
    with db.snapshot() as tx:
        ports = rows.out_of_step(tx, _MOST_AT_ONCE)
    follow(db, ports)
    return len(ports)


def follow(db: Database, ports: Sequence[Ref]) -> None:
    """All of them in one revision, unless one is refused: then each in its own."""
    if not ports:
        return
    try:
        _bind(db, ports)
    except UnavailableError:
        raise
    except DomainError:
        for port in ports:
            _bind_one(db, port)


def _bind(db: Database, ports: Sequence[Ref]) -> None:
    with db.transaction() as tx:
        writer = _writer(tx)
        found = fetch_refs(tx, ports)
        for iface_id in (_iface_id(port) for port in found):
            rows.forget_refusals(tx, iface_id)
        writer.commit(_as_they_are(found))


def _bind_one(db: Database, port: Ref) -> None:
    try:
        _bind(db, [port])
    except UnavailableError:
        raise
    except DomainError as error:
        _refuse(db, port, error)


def _refuse(db: Database, ref: Ref, error: DomainError) -> None:
    """Note the reason at the hosts that the port is not on yet, and do without them."""
    fix = error.violations[0].fix if error.violations else ""
    why = f"{error.detail}; {fix}" if fix else error.detail
    log.warning("A bound port may not be where it is plugged", port=ref.name, why=why)
    with db.transaction() as tx:
        writer = _writer(tx)
        for port in fetch_refs(tx, [ref]):
            rows.refuse(tx, port.uid, _iface_id(port), why, writer.head)
            try:
                done = writer.commit(_as_they_are([port]))
            except DomainError:
                log.exception("A bound port stays where it is not plugged", port=ref.name)
            else:
                # That it was written without them is no reason to try again.
                rows.refuse(tx, port.uid, _iface_id(port), why, done.revision)


def _writer(tx: Transaction) -> Writer:
    return Writer(tx, _CONTROLLER, _REQUEST_ID, lock_revision(tx))


def _iface_id(port: Object) -> str:
    return (port.spec.iface_id if isinstance(port.spec, PortSpec) else None) or ""


def _as_they_are(ports: Sequence[Object]) -> Change:
    """Without hosts: they are what is to be given."""
    return Change(
        tuple(
            Manifest(
                port.ref,
                replace(port.spec, host=None, migrating_to=None),
                port.labels,
                mode=Mode.REPLACE,
            )
            for port in ports
            if isinstance(port.spec, PortSpec) and port.spec.iface_id is not None
        )
    )
