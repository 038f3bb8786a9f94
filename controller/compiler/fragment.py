"""The part of a segment that all of its hosts share, addressed by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from uuid import UUID

from google.protobuf.message import Message
from ovsfleet.v1 import state_pb2

from controller.compiler.links import add_links, tunnel_options
from controller.domain.host_intent import SegmentIntent
from controller.domain.host_vteps import former_vtep_of, vtep_of
from controller.domain.intent import (
    Backend,
    HostSpec,
    Object,
    SegmentSpec,
    segment_backend,
)
from controller.domain.mtu import effective_mtu
from controller.domain.topology import Topology
from controller.domain.validation.meshes import MAX_REMOTES
from controller.domain.vtep_steps import VtepStep, vtep_step_of


def digest(message: Message) -> bytes:
    return hashlib.sha256(message.SerializeToString(deterministic=True)).digest()


def compile_fragment(
    intent: SegmentIntent, backend: Backend = Backend.OVS
) -> state_pb2.SegmentFragment:
    """Build the fragment of a segment for those members that have this backend.

    Members are ordered by host uid. Only the kernel backend needs to know every MAC address (and
    where it answers for them, IP address), and only its members get a new fragment when one
    changes.
    """
    spec = segment_spec(intent.segment)
    fragment = state_pb2.SegmentFragment(
        segment_uid=str(intent.segment.uid),
        vni=spec.vni or 0,
        dst_port=spec.dst_port or 0,
        mtu=effective_mtu(spec, (host_spec(member).underlay_mtu for member in intent.members)),
        members=_members(intent, spec, with_macs=backend is Backend.KERNEL),
        options=tunnel_options(intent.profile),
    )
    add_links(fragment, spec, {host.uid: host.name for host in intent.members})
    fragment.hash = digest(fragment)
    return fragment


def _members(
    intent: SegmentIntent, spec: SegmentSpec, *, with_macs: bool
) -> Iterator[state_pb2.SegmentMember]:
    formers = _formers(intent, spec)
    for host in sorted(intent.members, key=lambda member: str(member.uid)):
        vtep = vtep_of(host_spec(host), spec.address_family)
        if vtep is not None:
            macs: Iterable[str] = intent.macs.get(host.uid, ()) if with_macs else ()
            known = intent.neighbours.get(host.uid, ()) if with_macs else ()
            yield state_pb2.SegmentMember(
                host_uid=str(host.uid),
                host_name=host.name,
                vtep=vtep,
                macs=sorted(set(macs)),
                neighbours=[state_pb2.Neighbour(ip=ip, mac=mac) for ip, mac in sorted(known)],
                former_vtep=formers.get(host.uid, ""),
                # Only to whom it makes a difference: others need not be sent anything for it.
                former_is_unused=with_macs and host.uid in formers and _uses_new(host, spec),
            )


def _formers(intent: SegmentIntent, spec: SegmentSpec) -> dict[UUID, str]:
    """Former VTEPs by host. One with Open vSwitch floods once for each pair of addresses: where
    these are more than a flow can hold, it is better that some frames of the newest changes are
    lost on the way than every flood. Those that are under way keep theirs."""
    if spec.topology is not Topology.FULL:
        return {}
    changing = [
        (-step, host.revision, str(host.uid), host)
        for host in intent.members
        if (step := vtep_step_of(host_spec(host), spec.address_family)) is not None
        and step is not VtepStep.ALONE
    ]
    if _floods_by_flow(intent):
        most = (MAX_REMOTES[spec.address_family] - len(spec.external_vteps)) // 2
        changing = sorted(changing)[: max(0, most - (len(intent.members) - 1))]
    formers = (
        (host.uid, former_vtep_of(host_spec(host), spec.address_family)) for *_, host in changing
    )
    return {uid: former for uid, former in formers if former is not None}


def _floods_by_flow(intent: SegmentIntent) -> bool:
    return any(backend_on(intent, each) is Backend.OVS for each in intent.members)


def _uses_new(host: Object, spec: SegmentSpec) -> bool:
    return vtep_step_of(host_spec(host), spec.address_family) is VtepStep.NEW


def backend_on(intent: SegmentIntent, host: Object) -> Backend:
    """Return who encapsulates the segment on a host."""
    return segment_backend(segment_spec(intent.segment), host_spec(host))


def host_spec(host: Object) -> HostSpec:
    if not isinstance(host.spec, HostSpec):
        raise TypeError(f"{host.kind} {host.name!r} is not a host")
    return host.spec


def segment_spec(segment: Object) -> SegmentSpec:
    if not isinstance(segment.spec, SegmentSpec):
        raise TypeError(f"{segment.kind} {segment.name!r} is not a segment")
    return segment.spec
