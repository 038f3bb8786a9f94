"""How far the hosts are with one revision of intent. Owns nothing, and reads in one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from controller.auth import Principal
from controller.domain.errors import NotFoundError
from controller.domain.status import HostFacts, Phase, Trouble, lag
from controller.services.queries import inspects
from controller.services.statuses import veiled
from controller.store.changelog import concerned_hosts
from controller.store.engine import Database
from controller.store.facts import host_facts
from controller.store.fleet import read_fleet
from controller.store.leftovers import leftovers

SHOWN = 100
"""Hosts that are named when many are behind."""


@dataclass(frozen=True, slots=True)
class PendingHost:
    """A host that is not done with a revision, and why."""

    host: str
    host_uid: UUID
    applied_revision: int
    phase: Phase
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Realization:
    revision: int
    head: int
    total: int
    """Hosts that the revision concerns and that are still intended."""
    applied: int
    pending: tuple[PendingHost, ...]
    """The first ``SHOWN`` of the others, by name."""

    @property
    def is_complete(self) -> bool:
        return self.applied == self.total


def realization(db: Database, principal: Principal, revision: int) -> Realization:
    """NotFoundError for a revision that the fleet never had."""
    with db.snapshot() as tx:
        head = read_fleet(tx).revision
        if not 1 <= revision <= head:
            raise NotFoundError(
                f"there is no revision {revision}: revisions count from 1, and the fleet is at"
                f" revision {head}"
            )
        hosts = host_facts(tx, concerned_hosts(tx, revision))
        left = leftovers(tx, revision, hosts)
    show = tuple[Trouble, ...] if inspects(principal) else veiled
    found = (
        _pending(
            revision, uid, replace(facts, troubles=show(facts.troubles)), show(left.get(uid, ()))
        )
        for uid, facts in hosts.items()
    )
    pending = sorted((host for host in found if host is not None), key=lambda host: host.host)
    return Realization(
        revision=revision,
        head=head,
        total=len(hosts),
        applied=len(hosts) - len(pending),
        pending=tuple(pending[:SHOWN]),
    )


def _pending(
    revision: int, uid: UUID, facts: HostFacts, left: Sequence[Trouble]
) -> PendingHost | None:
    finding = lag(revision, facts, left)
    return (
        None if finding is None else PendingHost(facts.name, uid, facts.applied_revision, *finding)
    )
