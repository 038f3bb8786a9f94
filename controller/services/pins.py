"""Hosts that are held at a revision since they undid a later one: what writers are told of them.

Owns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from controller.auth import Principal, Verb, may
from controller.domain.errors import Violation
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.store.engine import Database, Transaction
from controller.store.grants import count_pins, read_pins


def pin_warnings(
    tx: Transaction, principal: Principal, hosts: Iterable[UUID]
) -> tuple[Violation, ...]:
    """One for each of the hosts that the change does not reach for now."""
    sees_all = may(principal, Verb.INSPECT, Kind.HOST, DEFAULT_PROJECT)
    return tuple(
        Violation(
            "",
            "host_pinned",
            pin.describe(name, is_told_why=sees_all),
            f"correct what the host undid, then `ovsfleet release {name}`",
        )
        for name, pin in read_pins(tx, hosts).values()
    )


def count_pinned(db: Database) -> int:
    """How many hosts are held."""
    with db.snapshot() as tx:
        return count_pins(tx)
