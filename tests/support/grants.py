"""Short ways for tests to release hosts and to let them take things over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from controller.auth import Principal
from controller.domain.grants import Asked
from controller.services import grants
from controller.services.grants import Act, Wanted
from controller.services.intent import Writer
from controller.store.engine import Database
from controller.store.fleet import lock_revision
from tests.support.manifests import ADMIN


def release(db: Database, name: str, *, by: Principal = ADMIN, **asked: Any) -> Act:
    with db.transaction() as tx:
        writer = Writer(tx, by, "test", lock_revision(tx))
        return grants.release(writer, name, Asked(**asked), now=datetime.now(UTC))


def adopt(db: Database, name: str, *wanted: Wanted, accept_differences: bool = False) -> Act:
    with db.transaction() as tx:
        return grants.adopt(
            Writer(tx, ADMIN, "test", lock_revision(tx)),
            name,
            wanted,
            accept_differences=accept_differences,
            now=datetime.now(UTC),
        )


def withdraw(db: Database, name: str, *resources: str) -> Act:
    with db.transaction() as tx:
        writer = Writer(tx, ADMIN, "test", lock_revision(tx))
        return grants.withdraw(writer, name, resources)
