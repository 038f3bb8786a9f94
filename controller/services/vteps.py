"""The steps of a change of VTEP: a host takes the next when all have applied the one before.

Owns nothing. The host is written as anybody would write it: checked, logged, and audited.
"""

from __future__ import annotations

from uuid import UUID

from controller.auth import Principal, Role
from controller.domain.errors import DomainError, UnavailableError
from controller.domain.intent import Manifest
from controller.observability import get_logger
from controller.services.intent import Change, Writer
from controller.store.engine import Database
from controller.store.fleet import lock_revision
from controller.store.former_vteps import any_former_vteps, settled_hosts

log = get_logger(__name__)

_CONTROLLER = Principal("system:vteps", frozenset({Role.NETWORK_ADMIN}))
_REQUEST_ID = "vteps"
_MOST_AT_ONCE = 100
"""Hosts in one go, each in a revision of its own: others can write in between."""


def settle(db: Database) -> tuple[str, ...]:
    """Takes each host one step on whose last step all have applied, and names them.

    Looks before it locks, because most times there are none. One that is refused holds up nobody
    else; it is tried again the next time."""
    with db.snapshot() as tx:
        if not any_former_vteps(tx):
            return ()
        ready = [(host.uid, host.name) for host in settled_hosts(tx, _MOST_AT_ONCE)]
    return tuple(name for uid, name in ready if _take_step(db, uid, name))


def _take_step(db: Database, uid: UUID, name: str) -> bool:
    """Whether it did: somebody else may have been faster, or may have changed the host again."""
    try:
        with db.transaction() as tx:
            head = lock_revision(tx)
            for host in settled_hosts(tx, 1, uid):
                step = Manifest(host.ref, host.spec, host.labels, settles_vteps=True)
                Writer(tx, _CONTROLLER, _REQUEST_ID, head).commit(Change(manifests=(step,)))
                return True
            return False
    except UnavailableError:
        raise
    except DomainError as error:
        log.warning("The change of a host's VTEP is refused", host=name, why=error.detail)
        return False
    except Exception:
        log.exception("Fault in the change of a host's VTEP", host=name)
        return False
