"""How far the fleet is with one object. Owns nothing, and reads in one snapshot.

Must not tell a principal what of other projects failed on a host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controller.auth import Principal
from controller.domain.intent import BridgeSpec, Kind, Object
from controller.domain.port_status import Binding
from controller.domain.realization import State, Verdict, overall, pending_since, verdict
from controller.domain.status import HostFacts, needed_revision
from controller.services.queries import find, inspects
from controller.services.statuses import veiled_host
from controller.store.bindings import read_bindings
from controller.store.changelog import newest_membership_changes
from controller.store.engine import Database, Transaction
from controller.store.facts import host_facts, member_hosts, resource_facts
from controller.store.listing import Listed
from controller.store.mirror_facts import mirror_facts
from controller.store.reach import reached_facts
from controller.store.webhook_sources import times_of

_SPREAD = frozenset({Kind.TUNNEL_PROFILE, Kind.QOS_POLICY, Kind.FLOW_EXPORT})
"""On hosts through the segments, ports and labels of others."""


@dataclass(frozen=True, slots=True)
class ObjectRealization:
    kind: Kind
    name: str
    project: str
    revision: int
    observed_revision: int
    """The object's newest revision that all of its hosts have applied; 0 for none."""
    verdicts: tuple[Verdict, ...]
    """Of each host that it needs, by name."""
    binding: Binding | None = None
    """Of a bound port."""

    @property
    def state(self) -> State:
        found = overall(self.verdicts)
        if self.binding is None:
            return found
        if not self.verdicts:
            return State.ERROR if self.binding.refusals else State.PENDING
        is_refused = found is State.REALIZED and self.binding.refusals
        return State.DEGRADED if is_refused else found

    @property
    def pending_since(self) -> datetime | None:
        return pending_since(self.verdicts)


def object_realization(
    db: Database, principal: Principal, kind: Kind, project: str, ref: str
) -> ObjectRealization:
    """Of an object by name or uid; NotFoundError when there is none within reach."""
    with db.snapshot() as tx:
        found = find(tx, principal, kind, project, ref)
        needed = _needed(tx, found)
        facts = _facts(tx, found, inspects=inspects(principal))
        binding = _binding(tx, found.object)
        changed_at = times_of(tx, {needed_revision(needed, each) for each in facts})
    made = found.object
    verdicts = [
        verdict(
            kind,
            needed,
            each,
            changed_at=changed_at.get(needed_revision(needed, each), made.updated_at),
        )
        for each in facts
    ]
    return ObjectRealization(
        kind=kind,
        name=made.name,
        project=made.project,
        revision=made.revision,
        observed_revision=_observed(made.revision, facts),
        verdicts=tuple(sorted(verdicts, key=lambda each: each.host)),
        binding=binding,
    )


def _binding(tx: Transaction, found: Object) -> Binding | None:
    return read_bindings(tx, [found.uid]).get(found.uid) if found.kind is Kind.PORT else None


def _needed(tx: Transaction, found: Listed) -> int:
    """A segment is on a host as it is since its newest member joined or left."""
    uid = found.object.uid
    if found.object.kind is not Kind.SEGMENT:
        return found.object.revision
    return max(found.object.revision, newest_membership_changes(tx, [uid]).get(uid, 0))


def _facts(tx: Transaction, found: Listed, *, inspects: bool) -> Sequence[HostFacts]:
    uid = found.object.uid
    if found.object.kind is Kind.HOST:
        of_host = host_facts(tx, [uid])[uid]
        if not inspects:
            of_host = veiled_host(of_host)
        return [of_host]
    if found.object.kind in _SPREAD or _is_of_group(found.object):
        return reached_facts(tx, found.object.kind, [uid], of_each_host=True)[uid]
    if found.object.kind is Kind.MIRROR:
        return mirror_facts(tx, {uid: found.subject.hosts})[uid]
    return resource_facts(tx, {uid: _hosts(tx, found)}, of_each_host=True)[uid]


def _is_of_group(found: Object) -> bool:
    return isinstance(found.spec, BridgeSpec) and found.spec.host_group is not None


def _hosts(tx: Transaction, found: Listed) -> Sequence[UUID]:
    if found.object.kind is Kind.SEGMENT:
        return member_hosts(tx, found.object.uid)
    return found.subject.hosts


def _observed(revision: int, facts: Sequence[HostFacts]) -> int:
    return revision if all(each.applied_revision >= revision for each in facts) else 0
