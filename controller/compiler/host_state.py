"""``compile_host``: all that concerns one host, turned into what its agent shall bring about."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from ovsfleet.v1 import state_pb2

from controller.compiler.fragment import backend_on, compile_fragment, host_spec
from controller.compiler.links import remotes
from controller.compiler.linux_bridge import link_attributes
from controller.compiler.monitoring import compile_flow_exports, compile_mirrors
from controller.compiler.naming import (
    OVERLAY_ID,
    bridge_id,
    explicit_tunnel_id,
    flow_export_id,
    linux_bridge,
    mirror_id,
    port_id,
    segment_id,
    tunnel_id,
)
from controller.compiler.port import bridge_spec, compile_port, has_no_ovs, interfaces
from controller.compiler.safety import compile_grants, compile_safety
from controller.compiler.settings import bridge_row
from controller.compiler.tunnel import compile_tunnel
from controller.domain.host_intent import HostIntent, SegmentIntent
from controller.domain.intent import Backend, BridgeType, DatapathType, Object

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
    variants = {(id(s), backend_on(s, i.host)): s for i in held for s in i.segments}
    built = {key: compile_fragment(s, key[1]) for key, s in variants.items()}
    return {
        intent.host.uid: _compile(
            intent,
            {s.segment.uid: built[id(s), backend_on(s, intent.host)] for s in intent.segments},
        )
        for intent in held
    }


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
    deleted = {*_removed(intent, fragments), *_unwatched(intent, part)}
    let_go = intent.grants.removals and _let_go(intent, part, fragments)
    if (grants := compile_grants(intent.grants, let_go - deleted)) is not None:
        part.grants.CopyFrom(grants)
    return CompiledHost(
        part=part,
        fragments={f.hash: f for f in sorted(fragments.values(), key=lambda f: f.segment_uid)},
        # The part names its fragments by their hashes, so its own hash covers them.
        hash=hashlib.sha256(part.SerializeToString(deterministic=True)).digest(),
        removed=tuple(sorted(deleted | let_go)),
    )


def _host_part(
    intent: HostIntent, fragments: Mapping[UUID, state_pb2.SegmentFragment]
) -> state_pb2.HostPart:
    part = state_pb2.HostPart(
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
        mirrors=compile_mirrors(intent),
        flow_exports=compile_flow_exports(intent),
    )
    if (safety := compile_safety(intent, part)) is not None:
        part.safety.CopyFrom(safety)
    return part


def _presence(
    segment: SegmentIntent, intent: HostIntent, fragment: state_pb2.SegmentFragment
) -> state_pb2.SegmentAttachment:
    """Put a segment on the overlay bridge, or on a Linux bridge that carries it alone."""
    linux = has_no_ovs(intent)
    return state_pb2.SegmentAttachment(
        segment_uid=fragment.segment_uid,
        local_vlan=0 if linux else intent.local_vlans[segment.segment.uid],
        fragment_hash=fragment.hash,
        backend=_BACKENDS[backend_on(segment, intent.host)],
        linux_bridge=linux_bridge(fragment.vni) if linux else "",
    )


def _by_uid(objects: Iterable[Object]) -> list[Object]:
    return sorted(objects, key=lambda found: str(found.uid))


def _overlay(intent: HostIntent) -> state_pb2.OverlayBridge | None:
    """The bridge is there for segments, or because it is kept ready for them."""
    spec = host_spec(intent.host)
    if has_no_ovs(intent) or not (intent.segments or spec.overlay_bridge_ready):
        return None
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


def _removed(
    intent: HostIntent, fragments: Mapping[UUID, state_pb2.SegmentFragment]
) -> Iterator[str]:
    """Name what intent deleted since the host last confirmed, and what has not come back."""
    departed = intent.departed
    segments = {s.segment.uid for s in intent.segments}
    for uid in departed.bridges - {bridge.uid for bridge in intent.bridges}:
        yield bridge_id(uid)
    for uid in departed.ports - {port.uid for port in intent.ports}:
        yield port_id(uid)
    for uid in departed.segments - segments:
        yield segment_id(uid)
    yield from _removed_from_meshes(intent, fragments)
    for uid in departed.tunnels - {tunnel.tunnel.uid for tunnel in intent.tunnels}:
        yield explicit_tunnel_id(uid)
    if (departed.segments or departed.ready_overlay) and _overlay(intent) is None:
        yield OVERLAY_ID


def _removed_from_meshes(
    intent: HostIntent, fragments: Mapping[UUID, state_pb2.SegmentFragment]
) -> Iterator[str]:
    """Name tunnels of segments to members that left or are not linked any more."""
    departed, own = intent.departed, intent.host.uid
    relinked = (s for s in intent.segments if s.segment.uid in departed.relinked)
    hosts = {*departed.members, *((s.segment.uid, m.uid) for s in relinked for m in s.members)}
    far_ends = {(segment, str(host)) for segment, host in hosts if host != own} | departed.vteps
    concerned = {segment for segment, _ in far_ends}
    there = {
        s.segment.uid: _ovs_remotes(s, intent, fragments)
        for s in intent.segments
        if s.segment.uid in concerned
    }
    for segment, far in far_ends:
        if far not in there.get(segment, ()):
            yield tunnel_id(segment, far)


def _unwatched(intent: HostIntent, part: state_pb2.HostPart) -> Iterator[str]:
    """Name the mirrors and exports that the host has no use for, be they deleted or without a
    bridge here by now. Whom they reached before is not kept, and to name too many does no harm."""
    mirrors = {mirror.uid for mirror in intent.mirrors} | intent.departed.mirrors
    exports = {export.uid for export in intent.flow_exports} | intent.departed.flow_exports
    yield from {mirror_id(uid) for uid in mirrors} - {mirror.id for mirror in part.mirrors}
    yield from {flow_export_id(uid) for uid in exports} - {each.id for each in part.flow_exports}


def _let_go(
    intent: HostIntent,
    part: state_pb2.HostPart,
    fragments: Mapping[UUID, state_pb2.SegmentFragment],
) -> frozenset[str]:
    """Name what an operator let go of, less what is intended again by now."""
    there = {
        *(bridge.id for bridge in part.bridges),
        *(port.id for port in part.ports),
        *(tunnel.id for tunnel in part.tunnels),
        *(mirror.id for mirror in part.mirrors),
        *(export.id for export in part.flow_exports),
    }
    for segment in intent.segments:
        uid = segment.segment.uid
        there |= {tunnel_id(uid, far) for far in _ovs_remotes(segment, intent, fragments)}
        there.add(segment_id(uid))
    if part.HasField("overlay"):
        there.add(OVERLAY_ID)
    return intent.grants.removals - there


def _ovs_remotes(
    segment: SegmentIntent,
    intent: HostIntent,
    fragments: Mapping[UUID, state_pb2.SegmentFragment],
) -> set[str]:
    """Return whom the host has a tunnel to, by uid or outside VTEP; with the kernel's, nobody."""
    if backend_on(segment, intent.host) is Backend.KERNEL:
        return set()
    fragment = fragments[segment.segment.uid]
    return {*remotes(fragment, str(intent.host.uid)), *fragment.external_vteps}
