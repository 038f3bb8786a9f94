"""Statuses in bulk: facts from the store, judgement from ``controller.domain.status``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from controller.auth import FLEET_KINDS
from controller.domain.intent import Kind
from controller.domain.port_status import port_status
from controller.domain.segment_status import SegmentFacts, segment_status
from controller.domain.spread_status import spread_status, tunnel_status
from controller.domain.status import (
    CHANGE_RESOURCE,
    HOST_RESOURCE,
    REMOVALS_RESOURCE,
    HostFacts,
    Phase,
    Status,
    Trouble,
    definition_status,
    host_status,
    resource_finding,
    resource_status,
)
from controller.domain.vtep_changes import with_vtep_change
from controller.store.bindings import read_bindings
from controller.store.engine import Transaction
from controller.store.facts import host_facts, resource_facts, segment_facts
from controller.store.listing import Subject
from controller.store.mirror_facts import mirror_facts
from controller.store.port_counts import count_alike, read_singular
from controller.store.reach import reached_facts


def derive(
    tx: Transaction, kind: Kind, subjects: Sequence[Subject], *, inspects: bool = True
) -> dict[UUID, Status]:
    """By uid. The number of queries depends on the kind only.

    Without ``inspects`` a host's status does not tell what of other projects failed there."""
    uids = [subject.uid for subject in subjects]
    match kind:
        case Kind.HOST:
            return _hosts(tx, subjects, inspects=inspects)
        case Kind.SEGMENT:
            return _segments(tx, subjects)
        case Kind.BRIDGE | Kind.MIRROR:
            return _on_one_host(tx, kind, subjects) | _spread(tx, kind, subjects)
        case Kind.PORT | Kind.TUNNEL:
            return _ports(tx, subjects) if kind is Kind.PORT else _tunnels(tx, subjects)
        case Kind.TUNNEL_PROFILE | Kind.QOS_POLICY | Kind.FLOW_EXPORT:
            reached = reached_facts(tx, kind, uids)
            return {s.uid: spread_status(s.revision, reached[s.uid]) for s in subjects}
        case _:
            return {s.uid: definition_status(s.revision) for s in subjects}


def _on_one_host(tx: Transaction, kind: Kind, subjects: Sequence[Subject]) -> dict[UUID, Status]:
    read = mirror_facts if kind is Kind.MIRROR else resource_facts
    found = read(tx, {s.uid: s.hosts for s in subjects if s.hosts})
    return {s.uid: resource_status(s.revision, found[s.uid][0]) for s in subjects if s.hosts}


def _spread(tx: Transaction, kind: Kind, subjects: Sequence[Subject]) -> dict[UUID, Status]:
    """A bridge of a group names no host: it is where labels bring it."""
    revisions = {subject.uid: subject.revision for subject in subjects if not subject.hosts}
    reached = reached_facts(tx, kind, list(revisions)) if revisions else {}
    return {uid: spread_status(revisions[uid], hosts) for uid, hosts in reached.items()}


def _hosts(tx: Transaction, subjects: Sequence[Subject], *, inspects: bool) -> dict[UUID, Status]:
    hosts = host_facts(tx, [s.uid for s in subjects])
    if not inspects:
        hosts = {uid: veiled_host(facts) for uid, facts in hosts.items()}
    return {
        s.uid: with_vtep_change(host_status(s.revision, hosts[s.uid]), hosts[s.uid])
        for s in subjects
    }


def _tunnels(tx: Transaction, subjects: Sequence[Subject]) -> dict[UUID, Status]:
    ends = resource_facts(tx, {s.uid: s.hosts for s in subjects})
    return {s.uid: tunnel_status(s.revision, ends[s.uid]) for s in subjects}


def _segments(tx: Transaction, subjects: Sequence[Subject]) -> dict[UUID, Status]:
    facts = segment_facts(tx, [s.uid for s in subjects])
    nothing = SegmentFacts()
    return {s.uid: segment_status(s.revision, facts.get(s.uid, nothing)) for s in subjects}


def _ports(tx: Transaction, subjects: Sequence[Subject]) -> dict[UUID, Status]:
    facts = resource_facts(tx, {s.uid: s.hosts for s in subjects})
    bound = read_bindings(tx, facts)
    return {s.uid: port_status(s.revision, facts[s.uid], bound.get(s.uid)) for s in subjects}


def count_ports(tx: Transaction, projects: Collection[str] | None) -> Counter[Phase]:
    """By phase, without a look at each: of very many, most are as their host is."""
    alike = count_alike(tx, projects)
    hosts = {each.host_uid for each in alike if each.host_uid is not None}
    facts = resource_facts(tx, {host: (host,) for host in hosts})
    counts = Counter[Phase]()
    for each in alike:
        if each.host_uid is None:
            counts[Phase.PENDING] += each.ports
        else:
            finding = resource_finding(each.revision, facts[each.host_uid][0])
            counts[finding[0]] += each.ports
    singular = read_singular(tx, projects)
    statuses = _ports(tx, singular) if singular else {}
    counts.update(status.phase for status in statuses.values())
    return counts


def veiled_host(facts: HostFacts) -> HostFacts:
    """The same of a host. What watches traffic is counted as something else that is left there."""
    departure = facts.departure
    if departure is not None:
        counts = Counter[str]()
        for kind, number in departure.left.items():
            counts["other object" if kind in FLEET_KINDS else kind] += number
        departure = replace(departure, left=dict(counts))
    pin = replace(facts.pin, reason="") if facts.pin else None
    trial = facts.trial and "a change is on trial"
    return replace(
        facts, troubles=veiled(facts.troubles), departure=departure, pin=pin, trial=trial
    )


def veiled(troubles: Sequence[Trouble]) -> tuple[Trouble, ...]:
    """For somebody who may not see all that is on a host: that there is trouble, and no more.

    What concerns the host as a whole stays; hosts are everybody's to see.
    """
    return tuple(_veiled(trouble) for trouble in troubles)


def _veiled(trouble: Trouble) -> Trouble:
    if trouble.resource == HOST_RESOURCE:
        return trouble
    of_all = trouble.resource in {CHANGE_RESOURCE, REMOVALS_RESOURCE}
    resource = trouble.resource if of_all else ""
    return replace(trouble, resource=resource, message="some resources failed")
