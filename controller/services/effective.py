"""Effective tunnels: the mesh of each segment and the explicit ones, as hosts have them.

Nothing of it is stored: it is computed from intent and from what the hosts report. Here is what
makes one end of a tunnel, and a segment's mesh, page by page; what one host has is in
``effective_hosts``. Owns nothing; must not show a principal the segments of projects that are not
its own.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import NamedTuple
from uuid import UUID

from ovsfleet.v1 import state_pb2

from controller.auth import Principal
from controller.compiler import compile_fragment
from controller.compiler.fragment import backend_on, host_spec
from controller.compiler.links import remotes
from controller.compiler.naming import linux_bridge, segment_id, tunnel_id
from controller.domain.host_intent import SegmentIntent
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Backend,
    BridgeType,
    HostSpec,
    Kind,
    Object,
)
from controller.domain.paging import decode_place, encode_place
from controller.domain.status import HOST_RESOURCE, HostFacts, Phase, resource_status
from controller.services.queries import find
from controller.store.changelog import newest_membership_changes
from controller.store.engine import Database, Transaction
from controller.store.facts import ALL_TROUBLES, resource_facts
from controller.store.fleet import read_fleet
from controller.store.slices import load_segments


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


@dataclass(frozen=True, slots=True)
class TunnelPage:
    tunnels: tuple[EffectiveTunnel, ...]
    next_after: str
    """Give it as ``after`` for the next page; empty on the last."""
    revision: int
    """The fleet's, that the page was read at."""


def segment_tunnels(
    db: Database,
    principal: Principal,
    project: str,
    segment_ref: str,
    *,
    host: str | None = None,
    page_size: int,
    after: str = "",
) -> TunnelPage:
    """A page of the mesh of a segment (by name or uid), each tunnel from both of its sides, by the
    names of their ends; with ``host`` (by name or uid) from that side only."""
    with db.snapshot() as tx:
        segment = find(tx, principal, Kind.SEGMENT, project, segment_ref).object
        head = read_fleet(tx).revision
        intent = load_segments(tx, [segment.uid], head)[segment.uid]
        members = _by_name(intent.members)
        if host is not None:
            wanted = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host).object.uid
            members = [member for member in members if member.uid == wanted]
        ends = list(islice(_ends_behind(intent, members, _place(after)), page_size + 1))
        shown = ends[:page_size]
        on = list(dict.fromkeys(end.host.uid for end in shown))
        facts = dict(zip(on, facts_on(tx, {segment.uid: on})[segment.uid], strict=True))
        revision = mesh_revisions(tx, [intent])[segment.uid]
    return TunnelPage(
        tuple(of_mesh(intent, end, revision, facts[end.host.uid]) for end in shown),
        next_after=encode_place(*shown[-1].place) if len(ends) > page_size else "",
        revision=head,
    )


def _place(after: str) -> tuple[str, ...]:
    """In front of all others at the beginning."""
    return decode_place(after, str, str, str, str) or ("",)


def _ends_behind(
    intent: SegmentIntent, members: Sequence[Object], place: tuple[str, ...]
) -> Iterator[MeshEnd]:
    """Expand no more of the mesh than is taken: it grows with the square of its members."""
    backends = {backend_on(intent, member) for member in members}
    fragments = {backend: compile_fragment(intent, backend) for backend in backends}
    for member in members:
        if member.name >= place[0]:
            ends = mesh_ends(intent, fragments[backend_on(intent, member)], member)
            yield from (end for end in ends if end.place > place)


def _by_name(hosts: Sequence[Object]) -> list[Object]:
    return sorted(hosts, key=lambda host: host.name)


def facts_on(
    tx: Transaction, on_hosts: Mapping[UUID, Sequence[UUID]]
) -> dict[UUID, tuple[HostFacts, ...]]:
    """With all that fails there: of an object, each tunnel is told apart."""
    return resource_facts(tx, on_hosts, most_troubles=ALL_TROUBLES)


def mesh_revisions(tx: Transaction, segments: Sequence[SegmentIntent]) -> dict[UUID, int]:
    """From which revision on a host has each segment's mesh as it is."""
    changed = newest_membership_changes(tx, [s.segment.uid for s in segments])
    return {s.segment.uid: max(s.segment.revision, changed.get(s.segment.uid, 0)) for s in segments}


class MeshEnd(NamedTuple):
    """One end of a tunnel of a mesh, and what is at the other one."""

    host: Object
    fragment: state_pb2.SegmentFragment
    id: str
    """What names the other one in a resource id."""
    remote_host: str | None
    local_ip: str
    remote_ip: str

    @property
    def place(self) -> tuple[str, ...]:
        """Among the ends of a segment."""
        far = f"member:{self.remote_host}" if self.remote_host else "outside"
        return self.host.name, far, self.local_ip, self.remote_ip


def mesh_ends(
    intent: SegmentIntent, fragment: state_pb2.SegmentFragment, host: Object
) -> Iterator[MeshEnd]:
    """Yield one for each pair of addresses, by place: a member whose VTEP changes can have two."""
    own, backend = str(host.uid), backend_on(intent, host)
    linked = remotes(fragment, own)
    here = next((_addresses(m, backend) for m in fragment.members if m.host_uid == own), ("",))
    # A fragment has its members by uid, so that it is the same bytes whoever compiles it.
    far = [member for member in fragment.members if member.host_uid in linked]
    for member in sorted(far, key=lambda member: member.host_name):
        for local_ip, remote_ip in sorted(product(here, _addresses(member, backend))):
            yield MeshEnd(host, fragment, member.host_uid, member.host_name, local_ip, remote_ip)
    for vtep in sorted(fragment.external_vteps):
        yield MeshEnd(host, fragment, vtep, None, here[0], vtep)


def of_mesh(
    intent: SegmentIntent, end: MeshEnd, revision: int, facts: HostFacts
) -> EffectiveTunnel:
    segment, fragment = intent.segment, end.fragment
    resource = tunnel_id(segment.uid, end.id)
    return EffectiveTunnel(
        id=resource,
        kind=TunnelKind.MESH,
        backend=backend_on(intent, end.host),
        name=segment.name,
        project=segment.project,
        segment=segment.name,
        host=end.host.name,
        remote_host=end.remote_host,
        bridge=_segment_bridge(host_spec(end.host), fragment.vni),
        local_ip=end.local_ip,
        remote_ip=end.remote_ip,
        vni=fragment.vni,
        dst_port=fragment.dst_port,
        health=health_of(revision, facts, {resource, segment_id(segment.uid)}),
    )


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


def health_of(revision: int, facts: HostFacts, resources: Collection[str]) -> Health:
    """How one of these resources is doing, or the whole host."""
    here = tuple(t for t in facts.troubles if t.resource in {HOST_RESOURCE, *resources})
    status = resource_status(revision, replace(facts, troubles=here))
    condition = status.conditions[0]
    return Health(status.phase, condition.reason, condition.message)
