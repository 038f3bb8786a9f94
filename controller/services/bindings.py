"""Bound ports follow their interfaces: wherever agents report an iface-id, its port is.

Owns nothing. A port is written as anybody would write it, as it is, and is given its hosts on the
way: so rules, change log, audit, webhooks and ETags are those of every change, and a host that the
rules refuse is left out and noted beside its interface.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from controller.auth import Principal, Role
from controller.domain.errors import DomainError, UnavailableError
from controller.domain.intent import Object, Ref
from controller.domain.validation import binding
from controller.observability import get_logger
from controller.services.intent import Change, Writer
from controller.store import bindings as rows
from controller.store.engine import Database, Transaction
from controller.store.fleet import lock_revision
from controller.store.inventory import plugged_on
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
    _bind_all(db, ports)
    return len(ports)


def follow(db: Database, iface_ids: Iterable[str]) -> None:
    """Brings the ports with these iface-ids, of which there may be none, to where they are plugged.

    Waits for other changes of intent."""
    with db.snapshot() as tx:
        ports = rows.bound_to(tx, iface_ids)
    _bind_all(db, ports)


def _bind_all(db: Database, ports: Iterable[Ref]) -> None:
    """Those of a project in one revision: what is said of them is said to that project."""
    by_project: dict[str, list[Ref]] = defaultdict(list)
    for port in ports:
        by_project[port.project].append(port)
    for group in by_project.values():
        _bind(db, group)


def _bind(db: Database, ports: Sequence[Ref]) -> None:
    """A port that cannot be written wherever it is stops no other: they are halved until it is
    found."""
    try:
        with db.transaction() as tx:
            _writer(tx).commit(_as_they_are(fetch_refs(tx, ports)))
    except UnavailableError:
        raise
    except DomainError as error:
        if len(ports) == 1:
            _give_up(db, ports[0], error)
            return
        middle = len(ports) // 2
        _bind(db, ports[:middle])
        _bind(db, ports[middle:])


def _give_up(db: Database, ref: Ref, error: DomainError) -> None:
    """Note the attempt at all hosts that the port is plugged on, until something is another."""
    log.error("A bound port stays where it is not plugged", port=ref.name, why=error.detail)
    with db.transaction() as tx:
        head = lock_revision(tx)
        for port in fetch_refs(tx, [ref]):
            iface_ids = binding.iface_ids([port.spec])
            plugged = plugged_on(tx, iface_ids)
            why = {(each, on.host): error.detail for each in plugged for on in plugged[each]}
            rows.note_refusals(tx, iface_ids, why, head)


def _writer(tx: Transaction) -> Writer:
    return Writer(tx, _CONTROLLER, _REQUEST_ID, lock_revision(tx))


def _as_they_are(ports: Sequence[Object]) -> Change:
    """Without hosts: they are what is to be given."""
    manifests = tuple(
        binding.as_it_is(port, f"/{number}")
        for number, port in enumerate(ports)
        if binding.iface_ids([port.spec])
    )
    return Change(manifests, audience=frozenset(port.ref.project for port in manifests))
