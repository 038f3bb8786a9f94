"""The end of a change of VTEP: a host lets go of the former one when nobody needs it any more.

Owns nothing. The host is written as anybody would write it: checked, logged, and audited.
"""

from __future__ import annotations

from controller.auth import Principal, Role
from controller.domain.intent import Manifest, Object
from controller.services.intent import Change, Writer
from controller.store.engine import Database, Transaction
from controller.store.fleet import lock_revision
from controller.store.former_vteps import any_former_vteps, settled_hosts

_CONTROLLER = Principal("system:vteps", frozenset({Role.NETWORK_ADMIN}))
_REQUEST_ID = "vteps"
_MOST_AT_ONCE = 100
"""Hosts in one revision: nobody else can write meanwhile."""


def settle(db: Database) -> tuple[str, ...]:
    """Lets hosts go of former VTEPs whose peers all have the new ones, and names them.

    Looks before it locks, because most times there are none."""
    with db.snapshot() as tx:
        if not any_former_vteps(tx) or not settled_hosts(tx, 1):
            return ()
    with db.transaction() as tx:
        head = lock_revision(tx)
        return _settle(tx, head)


def _settle(tx: Transaction, head: int) -> tuple[str, ...]:
    hosts = settled_hosts(tx, _MOST_AT_ONCE)
    if hosts:
        writer = Writer(tx, _CONTROLLER, _REQUEST_ID, head)
        writer.commit(Change(manifests=tuple(map(_without_former, hosts))))
    return tuple(host.name for host in hosts)


def _without_former(host: Object) -> Manifest:
    return Manifest(host.ref, host.spec, host.labels, settles_vteps=True)
