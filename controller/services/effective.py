"""Effective tunnels: the mesh of each segment and the explicit ones, as hosts have them.

Nothing of it is stored: it is computed from the slice of intent that a host is compiled from and
from what the hosts report. What one host has costs as much as its segments have members. Owns
nothing; must not show a principal the segments of projects that are not its own.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple
from uuid import UUID

from ovsfleet.v1 import state_pb2

from controller.auth import Principal, reaches
from controller.compiler import compile_fragment
from controller.compiler.fragment import backend_on, host_spec
from controller.compiler.links import remotes
from controller.compiler.naming import linux_bridge, segment_id, tunnel_id
from controller.compiler.tunnel import compile_tunnel
from controller.domain.errors import InvalidError, Violation
from controller.domain.host_intent import HostIntent, SegmentIntent, TunnelIntent
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Backend,
    BridgeSpec,
    BridgeType,
    HostSpec,
    Kind,
    Object,
)
from controller.domain.status import HOST_RESOURCE, HostFacts, Phase, resource_status
from controller.services.queries import find
from controller.store.changelog import newest_membership_changes
from controller.store.engine import Database, Transaction
from controller.store.facts import ALL_TROUBLES, resource_facts
from controller.store.fleet import read_fleet
from controller.store.slices import load_segments, load_slices, pins

MOST_TUNNELS = 10_000
"""That one answer lists; the mesh of a segment grows with the square of its members."""


class TunnelKind(enum.StrEnum):
    MESH = "mesh"
    EXPLICIT = "explicit"


class Health(NamedTuple):
    phase: Phase
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class EffectiveTunnel:
    """One end of a tunnel, on the host that has it."""

    id: str
    """Resource id as in ``ovsfleet/v1/state.proto``."""
    kind: TunnelKind
    backend: Backend
    name: str
    """Of the explicit tunnel, or of the segment."""
    project: str
    segment: str | None
    host: str
    remote_host: str | None
    """None: an outside VTEP."""
    bridge: str
    """As it is called on the host."""
    local_ip: str
    remote_ip: str
    vni: int
    dst_port: int
    health: Health


def host_tunnels(db: Database, principal: Principal, host_ref: str) -> tuple[EffectiveTunnel, ...]:
    """What the host (by name or uid) shall have, at the revision that it is sent."""
    with db.snapshot() as tx:
        host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref).object
        fleet = read_fleet(tx)
        revision = pins(tx, [host.uid]).get(host.uid, fleet.revision)
        slices = load_slices(tx, fleet, [host.uid], revision, {host.uid: revision})
        intent = slices.get(host.uid)
        return () if intent is None else tuple(_on_host(tx, principal, intent))


def segment_tunnels(
    db: Database, principal: Principal, project: str, segment_ref: str, *, host: str | None = None
) -> tuple[EffectiveTunnel, ...]:
    """The mesh of a segment (by name or uid), each tunnel from both of its sides; with ``host``
    (by name or uid) from that side only. InvalidError when that is too much for one answer."""
    with db.snapshot() as tx:
        segment = find(tx, principal, Kind.SEGMENT, project, segment_ref).object
        intent = load_segments(tx, [segment.uid], read_fleet(tx).revision)[segment.uid]
        members = _by_name(intent.members)
        if host is not None:
            wanted = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host).object.uid
            members = [member for member in members if member.uid == wanted]
        _check_size(intent, members)
        facts = _facts(tx, {segment.uid: [member.uid for member in members]})
        revision = _mesh_revisions(tx, [intent])[segment.uid]
    backends = {backend_on(intent, member) for member in members}
    fragments = {backend: compile_fragment(intent, backend) for backend in backends}
    return tuple(
        tunnel
        for member, known in zip(members, facts[segment.uid], strict=True)
        for tunnel in _mesh(intent, fragments[backend_on(intent, member)], member, revision, known)
    )


def _check_size(segment: SegmentIntent, sides: Sequence[Object]) -> None:
    tunnels = len(sides) * (len(segment.members) - 1)
    if tunnels > MOST_TUNNELS:
        fragment = compile_fragment(segment)
        outside = len(fragment.external_vteps)
        tunnels = sum(len(remotes(fragment, str(side.uid))) + outside for side in sides)
    if tunnels > MOST_TUNNELS:
        detail = (
            f"segment {segment.segment.name!r} has {len(segment.members)} member hosts, and so"
            f" {tunnels} tunnel ends; one answer has at most {MOST_TUNNELS}"
        )
        fix = "ask for one host at a time with the parameter host"
        raise InvalidError(detail, [Violation("", "too_many_tunnels", detail, fix)])


def _on_host(
    tx: Transaction, principal: Principal, intent: HostIntent
) -> Iterator[EffectiveTunnel]:
    segments = [s for s in _ordered(intent) if reaches(principal, s.segment.project)]
    tunnels = sorted(intent.tunnels, key=lambda found: found.tunnel.name)
    here = [intent.host.uid]
    uids = [s.segment.uid for s in segments] + [t.tunnel.uid for t in tunnels]
    facts = _facts(tx, dict.fromkeys(uids, here))
    revisions = _mesh_revisions(tx, segments)
    for segment in segments:
        uid = segment.segment.uid
        fragment = compile_fragment(segment, backend_on(segment, intent.host))
        yield from _mesh(segment, fragment, intent.host, revisions[uid], facts[uid][0])
    for tunnel in tunnels:
        yield _explicit(tunnel, intent, facts[tunnel.tunnel.uid][0])


def _ordered(intent: HostIntent) -> list[SegmentIntent]:
    return sorted(intent.segments, key=lambda s: (s.segment.project, s.segment.name))


def _by_name(hosts: Sequence[Object]) -> list[Object]:
    return sorted(hosts, key=lambda host: host.name)


def _facts(
    tx: Transaction, on_hosts: Mapping[UUID, Sequence[UUID]]
) -> dict[UUID, tuple[HostFacts, ...]]:
    return resource_facts(tx, on_hosts, most_troubles=ALL_TROUBLES)


def _mesh_revisions(tx: Transaction, segments: Sequence[SegmentIntent]) -> dict[UUID, int]:
    """From which revision on a host has each segment's mesh as it is."""
    changed = newest_membership_changes(tx, [s.segment.uid for s in segments])
    return {s.segment.uid: max(s.segment.revision, changed.get(s.segment.uid, 0)) for s in segments}


def _mesh(
    intent: SegmentIntent,
    fragment: state_pb2.SegmentFragment,
    host: Object,
    revision: int,
    facts: HostFacts,
) -> Iterator[EffectiveTunnel]:
    """The tunnels of one member to those that it is linked with, and out of the fleet."""
    segment, own = intent.segment, str(host.uid)
    backend = backend_on(intent, host)
    bridge = _segment_bridge(host_spec(host), fragment.vni)
    for far in _far_ends(fragment, own, backend):
        resource = tunnel_id(segment.uid, far.end)
        yield EffectiveTunnel(
            id=resource,
            kind=TunnelKind.MESH,
            backend=backend,
            name=segment.name,
            project=segment.project,
            segment=segment.name,
            host=host.name,
            remote_host=far.host,
            bridge=bridge,
            local_ip=far.local_ip,
            remote_ip=far.remote_ip,
            vni=fragment.vni,
            dst_port=fragment.dst_port,
            health=_health(revision, facts, {resource, segment_id(segment.uid)}),
        )


class _FarEnd(NamedTuple):
    end: str
    """What names it in a resource id."""
    host: str | None
    local_ip: str
    remote_ip: str


def _far_ends(fragment: state_pb2.SegmentFragment, own: str, backend: Backend) -> Iterator[_FarEnd]:
    """Yield a tunnel for each pair of addresses: a member whose VTEP changes can have two."""
    linked = remotes(fragment, own)
    here = next((_addresses(m, backend) for m in fragment.members if m.host_uid == own), ("",))
    # A fragment has its members by uid, so that it is the same bytes whoever compiles it.
    for member in sorted(fragment.members, key=lambda member: member.host_name):
        if member.host_uid in linked:
            for local_ip, remote_ip in product(here, _addresses(member, backend)):
                yield _FarEnd(member.host_uid, member.host_name, local_ip, remote_ip)
    for vtep in fragment.external_vteps:
        yield _FarEnd(vtep, None, here[0], vtep)


def _addresses(member: state_pb2.SegmentMember, backend: Backend) -> tuple[str, ...]:
    """Return the member's VTEPs that a host uses; the kernel uses one at a time."""
    if not member.former_vtep:
        return (member.vtep,)
    if backend is Backend.OVS:
        return member.vtep, member.former_vtep
    return (member.vtep if member.former_is_unused else member.former_vtep,)


def _segment_bridge(host: HostSpec, vni: int) -> str:
    if host.overlay_bridge_type is BridgeType.LINUX:
        return linux_bridge(vni)
    return host.overlay_bridge


def _explicit(intent: TunnelIntent, of: HostIntent, facts: HostFacts) -> EffectiveTunnel:
    tunnel, host = intent.tunnel, of.host
    interfaces = {b.name: b.spec.interface for b in of.bridges if isinstance(b.spec, BridgeSpec)}
    end = compile_tunnel(intent, host, interfaces)
    return EffectiveTunnel(
        id=end.id,
        kind=TunnelKind.EXPLICIT,
        backend=Backend.OVS,
        name=tunnel.name,
        project=tunnel.project,
        segment=None,
        host=host.name,
        remote_host=next((far.name for far in intent.hosts if far.uid != host.uid), None),
        bridge=end.bridge,
        local_ip=end.local_ip,
        remote_ip=end.remote_ip,
        vni=end.vni,
        dst_port=end.dst_port,
        health=_health(tunnel.revision, facts, {end.id}),
    )


def _health(revision: int, facts: HostFacts, resources: Collection[str]) -> Health:
    """How one of these resources is doing, or the whole host."""
    here = tuple(t for t in facts.troubles if t.resource in {HOST_RESOURCE, *resources})
    status = resource_status(revision, replace(facts, troubles=here))
    condition = status.conditions[0]
    return Health(status.phase, condition.reason, condition.message)
