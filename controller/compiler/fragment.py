"""The part of a segment that all of its hosts share, addressed by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from google.protobuf.message import Message
from ovsfleet.v1 import state_pb2

from controller.domain.intent import AddressFamily, HostSpec, Object, SegmentIntent, SegmentSpec
from controller.domain.mtu import effective_mtu


def digest(message: Message) -> bytes:
    return hashlib.sha256(message.SerializeToString(deterministic=True)).digest()


def compile_fragment(intent: SegmentIntent) -> state_pb2.SegmentFragment:
    """Build the fragment of a segment; its members are ordered by host uid."""
    spec = segment_spec(intent.segment)
    fragment = state_pb2.SegmentFragment(
        segment_uid=str(intent.segment.uid),
        vni=spec.vni or 0,
        dst_port=spec.dst_port or 0,
        mtu=effective_mtu(spec, (host_spec(member).underlay_mtu for member in intent.members)),
        members=_members(intent, spec.address_family),
    )
    fragment.hash = digest(fragment)
    return fragment


def _members(intent: SegmentIntent, family: AddressFamily) -> Iterator[state_pb2.SegmentMember]:
    for host in sorted(intent.members, key=lambda member: str(member.uid)):
        vtep = _vtep(host_spec(host), family)
        if vtep is not None:
            yield state_pb2.SegmentMember(host_uid=str(host.uid), host_name=host.name, vtep=vtep)


def _vtep(spec: HostSpec, family: AddressFamily) -> str | None:
    is_ipv6 = family is AddressFamily.IPV6
    return next((vtep for vtep in spec.vteps if (":" in vtep) == is_ipv6), None)


def host_spec(host: Object) -> HostSpec:
    if not isinstance(host.spec, HostSpec):
        raise TypeError(f"{host.kind} {host.name!r} is not a host")
    return host.spec


def segment_spec(segment: Object) -> SegmentSpec:
    if not isinstance(segment.spec, SegmentSpec):
        raise TypeError(f"{segment.kind} {segment.name!r} is not a segment")
    return segment.spec
