"""``compile_host``: all that concerns one host, turned into what its agent shall bring about."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from ovsfleet.v1 import state_pb2

from controller.compiler.fragment import compile_fragment, host_spec, segment_spec
from controller.compiler.linux_bridge import link_attributes
from controller.compiler.naming import (
    OVERLAY_ID,
    bridge_id,
    explicit_tunnel_id,
    linux_bridge,
    port_id,
    segment_id,
    tunnel_id,
)
from controller.compiler.port import bridge_spec, compile_port, has_no_ovs, interfaces
from controller.compiler.settings import bridge_row
from controller.compiler.tunnel import compile_tunnel
from controller.domain.intent import (
    Backend,
    BridgeType,
    DatapathType,
    HostIntent,
    Object,
    SegmentIntent,
    segment_backend,
)

_DATAPATH_TYPES = {
    DatapathType.SYSTEM: state_pb2.DATAPATH_TYPE_SYSTEM,
    DatapathType.NETDEV: state_pb2.DATAPATH_TYPE_NETDEV,
}
_BACKENDS = {
    Backend.OVS: state_pb2.BACKEND_OVS,
    Backend.KERNEL: state_pb2.BACKEND_KERNEL,
}


@dataclass(frozen=True, slots=True)
class CompiledHost:
    """A host's desired state before it is known what the host already has."""

    part: state_pb2.HostPart
    fragments: Mapping[bytes, state_pb2.SegmentFragment]
    """By content hash: every fragment that ``part`` refers to."""
    hash: bytes
    removed: tuple[str, ...]


def compile_host(intent: HostIntent) -> CompiledHost:
    return compile_hosts([intent])[intent.host.uid]


def compile_hosts(intents: Iterable[HostIntent]) -> dict[UUID, CompiledHost]:
    """Compile many hosts, building each variant of a shared ``SegmentIntent``'s fragment once."""
    held = list(intents)
    # Identity is the key: whoever read one snapshot for all hosts shares the very objects, and
    # comparing the members of a large segment for each of its hosts would cost their square.
    variants = {(id(s), _backend(s, i)): s for i in held for s in i.segments}
    built = {key: compile_fragment(s, key[1]) for key, s in variants.items()}
    return {
        intent.host.uid: _compile(
            intent, {s.segment.uid: built[id(s), _backend(s, intent)] for s in intent.segments}
        )
        for intent in held
    }


def _backend(segment: SegmentIntent, intent: HostIntent) -> Backend:
    return segment_backend(segment_spec(segment.segment), host_spec(intent.host))


def host_state(
    compiled: CompiledHost, intent: HostIntent, known_fragments: Collection[bytes]
) -> state_pb2.HostState:
    """Assemble the message for a host that has ``known_fragments`` already."""
    return state_pb2.HostState(
        fleet_uid=str(intent.fleet_uid),
        fleet_epoch=intent.fleet_epoch,
        revision=intent.revision,
        hash=compiled.hash,
        host=compiled.part,
        fragments=[
            fragment for key, fragment in compiled.fragments.items() if key not in known_fragments
        ],
        removed=compiled.removed,
    )


def _compile(
    intent: HostIntent, fragments: Mapping[UUID, state_pb2.SegmentFragment]
) -> CompiledHost:
    part = _host_part(intent, fragments)
    return CompiledHost(
        part=part,
        fragments={f.hash: f for f in sorted(fragments.values(), key=lambda f: f.segment_uid)},
        # The part names its fragments by their hashes, so its own hash covers them.
        hash=hashlib.sha256(part.SerializeToString(deterministic=True)).digest(),
        removed=tuple(sorted(_removed(intent))),
    )


def _host_part(
    intent: HostIntent, fragments: Mapping[UUID, state_pb2.SegmentFragment]
) -> state_pb2.HostPart:
    return state_pb2.HostPart(
        host_uid=str(intent.host.uid),
        host_name=intent.host.name,
        overlay=_overlay(intent),
        bridges=[_bridge(bridge) for bridge in _by_uid(intent.bridges)],
        ports=[compile_port(port, intent, fragments) for port in _by_uid(intent.ports)],
        attachments=[
            _presence(segment, intent, fragments[segment.segment.uid])
            for segment in sorted(intent.segments, key=lambda s: str(s.segment.uid))
        ],
        tunnels=[
            compile_tunnel(tunnel, intent.host, interfaces(intent))
            for tunnel in sorted(intent.tunnels, key=lambda t: str(t.tunnel.uid))
        ],
    )


def _presence(
    segment: SegmentIntent, intent: HostIntent, fragment: state_pb2.SegmentFragment
) -> state_pb2.SegmentAttachment:
    """Put a segment on the overlay bridge, or on a Linux bridge that carries it alone."""
    linux = has_no_ovs(intent)
    return state_pb2.SegmentAttachment(
        segment_uid=fragment.segment_uid,
        local_vlan=0 if linux else intent.local_vlans[segment.segment.uid],
        fragment_hash=fragment.hash,
        backend=_BACKENDS[_backend(segment, intent)],
        linux_bridge=linux_bridge(fragment.vni) if linux else "",
    )


def _by_uid(objects: Iterable[Object]) -> list[Object]:
    return sorted(objects, key=lambda found: str(found.uid))


def _overlay(intent: HostIntent) -> state_pb2.OverlayBridge | None:
    if not intent.segments or has_no_ovs(intent):
        return None
    spec = host_spec(intent.host)
    return state_pb2.OverlayBridge(
        name=spec.overlay_bridge, datapath_type=_DATAPATH_TYPES[spec.datapath_type]
    )


def _bridge(bridge: Object) -> state_pb2.Bridge:
    spec = bridge_spec(bridge)
    if spec.type is BridgeType.LINUX:
        return state_pb2.Bridge(
            id=bridge_id(bridge.uid),
            name=spec.interface,
            type=state_pb2.BRIDGE_TYPE_LINUX,
            link_attributes=link_attributes(spec.settings),
        )
    return state_pb2.Bridge(
        id=bridge_id(bridge.uid),
        name=spec.interface,
        type=state_pb2.BRIDGE_TYPE_OVS,
        datapath_type=_DATAPATH_TYPES[spec.datapath_type],
        settings=bridge_row(spec.settings),
    )


def _removed(intent: HostIntent) -> Iterator[str]:
    """Name what intent deleted since the host last confirmed, and what has not come back."""
    departed = intent.departed
    members = {s.segment.uid: _ovs_remotes(s, intent) for s in intent.segments}
    for uid in departed.bridges - {bridge.uid for bridge in intent.bridges}:
        yield bridge_id(uid)
    for uid in departed.ports - {port.uid for port in intent.ports}:
        yield port_id(uid)
    for uid in departed.segments - members.keys():
        yield segment_id(uid)
    for segment, host in departed.members:
        if host != intent.host.uid and host not in members.get(segment, ()):
            yield tunnel_id(segment, host)
    for uid in departed.tunnels - {tunnel.tunnel.uid for tunnel in intent.tunnels}:
        yield explicit_tunnel_id(uid)
    if departed.segments and not intent.segments:
        yield OVERLAY_ID


def _ovs_remotes(segment: SegmentIntent, intent: HostIntent) -> set[UUID]:
    """Return the members towards which the host has a tunnel each; with the kernel's, none."""
    if _backend(segment, intent) is Backend.KERNEL:
        return set()
    return {host.uid for host in segment.members}
