"""A port of a host: on which bridge, in which VLAN, over which device."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from ovsfleet.v1 import state_pb2

from controller.compiler.fragment import host_spec
from controller.compiler.linux_bridge import bridge_port_attributes
from controller.compiler.naming import linux_bridge, port_id
from controller.compiler.qos import compile_qos
from controller.compiler.settings import interface_row, port_row
from controller.domain.host_intent import HostIntent
from controller.domain.intent import KEEPS_MTU, BridgeSpec, BridgeType, Object, PortSpec, PortType
from controller.domain.mtu import DEFAULT_BRIDGE_MTU
from controller.domain.settings import AdminState, PatchSpec, PortSettings, TapOwner

_PORT_TYPES = {
    PortType.INTERNAL: state_pb2.PORT_TYPE_INTERNAL,
    PortType.VETH: state_pb2.PORT_TYPE_VETH,
    PortType.TAP: state_pb2.PORT_TYPE_TAP,
    PortType.SYSTEM: state_pb2.PORT_TYPE_SYSTEM,
    PortType.PATCH: state_pb2.PORT_TYPE_PATCH,
    PortType.BOND: state_pb2.PORT_TYPE_BOND,
    PortType.BOUND: state_pb2.PORT_TYPE_BOUND,
}
_OF_GUESTS = frozenset({PortType.TAP, PortType.BOUND})


def compile_port(
    port: Object, intent: HostIntent, fragments: Mapping[UUID, state_pb2.SegmentFragment]
) -> state_pb2.Port:
    spec = port.spec
    if not isinstance(spec, PortSpec):
        raise TypeError(f"{port.kind} {port.name!r} is not a port")
    bridge, tag, mtu = _attachment(port, spec, intent, fragments)
    settings = spec.settings
    return state_pb2.Port(
        id=port_id(port.uid),
        interface=spec.interface,
        type=_PORT_TYPES[spec.type],
        bridge=bridge,
        tag=tag,
        # Who opens a TAP device has the address, and the device itself must have another.
        mac="" if spec.type in _OF_GUESTS else spec.mac or "",
        mtu=spec.mtu or (0 if spec.type in KEEPS_MTU else mtu),
        addresses=() if spec.type in _OF_GUESTS else sorted(spec.addresses),
        peer=state_pb2.VethPeer(netns=spec.peer.netns, interface=spec.peer.interface)
        if spec.peer
        else None,
        trunks=settings.trunks,
        vlan_mode=settings.vlan_mode or "",
        settings=port_row(settings),
        interface_settings=interface_row(settings),
        admin_down=settings.admin_state is AdminState.DOWN,
        patch=_patch(settings.patch, intent),
        members=_members(settings),
        tap_owner=_tap_owner(settings.tap_owner),
        qos=compile_qos(spec.qos_policy, intent.policies),
        bridge_port_attributes=bridge_port_attributes(settings),
        iface_id=spec.iface_id or "",
    )


def _patch(patch: PatchSpec | None, intent: HostIntent) -> state_pb2.PatchPeer | None:
    if patch is None:
        return None
    return state_pb2.PatchPeer(
        bridge=interfaces(intent)[patch.bridge], interface=patch.interface, tag=patch.tag or 0
    )


def _members(settings: PortSettings) -> tuple[str, ...]:
    return settings.bond.members if settings.bond else ()


def _tap_owner(owner: TapOwner | None) -> state_pb2.TapOwner | None:
    return state_pb2.TapOwner(uid=owner.uid, gid=owner.gid) if owner else None


def _attachment(
    port: Object,
    spec: PortSpec,
    intent: HostIntent,
    fragments: Mapping[UUID, state_pb2.SegmentFragment],
) -> tuple[str, int, int]:
    """Return the bridge, the VLAN and the default MTU of a port."""
    if spec.segment is None:
        return interfaces(intent)[spec.bridge or ""], spec.tag or 0, DEFAULT_BRIDGE_MTU
    segment = next(
        found.segment
        for found in intent.segments
        if (found.segment.project, found.segment.name) == (port.project, spec.segment)
    )
    fragment = fragments[segment.uid]
    if has_no_ovs(intent):
        return linux_bridge(fragment.vni), 0, fragment.mtu
    overlay = host_spec(intent.host).overlay_bridge
    return overlay, intent.local_vlans[segment.uid], fragment.mtu


def interfaces(intent: HostIntent) -> dict[str, str]:
    """Return the device of each of the host's bridges by the bridge's name."""
    return {bridge.name: bridge_spec(bridge).interface for bridge in intent.bridges}


def bridge_spec(bridge: Object) -> BridgeSpec:
    if not isinstance(bridge.spec, BridgeSpec):
        raise TypeError(f"{bridge.kind} {bridge.name!r} is not a bridge")
    return bridge.spec


def has_no_ovs(intent: HostIntent) -> bool:
    return host_spec(intent.host).overlay_bridge_type is BridgeType.LINUX
