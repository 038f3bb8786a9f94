"""Ports, between ``ovsfleet.v1`` messages and ``agent.model``.

A part of the codec: pure, and like the rest of it without an opinion on what it carries.
"""

from __future__ import annotations

from ovsfleet.v1 import state_pb2

from agent.controlplane.monitoring_codec import decode_qos, encode_qos
from agent.controlplane.settings_codec import decode_settings, encode_settings
from agent.model import PatchPeer, Port, PortType, TapOwner, VethPeer

_PORT_TYPES = {
    PortType.INTERNAL: state_pb2.PORT_TYPE_INTERNAL,
    PortType.VETH: state_pb2.PORT_TYPE_VETH,
    PortType.TAP: state_pb2.PORT_TYPE_TAP,
    PortType.SYSTEM: state_pb2.PORT_TYPE_SYSTEM,
    PortType.PATCH: state_pb2.PORT_TYPE_PATCH,
    PortType.BOND: state_pb2.PORT_TYPE_BOND,
    PortType.BOUND: state_pb2.PORT_TYPE_BOUND,
    PortType.UNKNOWN: state_pb2.PORT_TYPE_UNSPECIFIED,
}
_PORT_TYPES_BACK = {number: value for value, number in _PORT_TYPES.items()}


def decode_port(message: state_pb2.Port) -> Port:
    return Port(
        id=message.id,
        interface=message.interface,
        type=_PORT_TYPES_BACK.get(message.type, PortType.UNKNOWN),
        bridge=message.bridge,
        tag=message.tag,
        mac=message.mac,
        mtu=message.mtu,
        addresses=frozenset(message.addresses),
        peer=_decode_peer(message),
        trunks=frozenset(message.trunks),
        vlan_mode=message.vlan_mode,
        settings=decode_settings(message.settings),
        interface_settings=decode_settings(message.interface_settings),
        admin_down=message.admin_down,
        patch=_decode_patch(message),
        members=tuple(message.members),
        tap_owner=_decode_tap_owner(message),
        qos=decode_qos(message),
        bridge_port_attributes=dict(message.bridge_port_attributes),
        iface_id=message.iface_id,
    )


def encode_port(port: Port) -> state_pb2.Port:
    return state_pb2.Port(
        id=port.id,
        interface=port.interface,
        type=_PORT_TYPES[port.type],
        bridge=port.bridge,
        tag=port.tag,
        mac=port.mac,
        mtu=port.mtu,
        addresses=sorted(port.addresses),
        peer=_encode_peer(port.peer),
        trunks=sorted(port.trunks),
        vlan_mode=port.vlan_mode,
        settings=encode_settings(port.settings),
        interface_settings=encode_settings(port.interface_settings),
        admin_down=port.admin_down,
        patch=_encode_patch(port.patch),
        members=port.members,
        tap_owner=_encode_tap_owner(port.tap_owner),
        qos=encode_qos(port.qos),
        bridge_port_attributes=port.bridge_port_attributes,
        iface_id=port.iface_id,
    )


# --- parts of a port -----------------------------------------------------------------------------


def _decode_peer(message: state_pb2.Port) -> VethPeer | None:
    if not message.HasField("peer"):
        return None
    return VethPeer(message.peer.netns, message.peer.interface)


def _encode_peer(peer: VethPeer | None) -> state_pb2.VethPeer | None:
    if peer is None:
        return None
    return state_pb2.VethPeer(netns=peer.netns, interface=peer.interface)


def _decode_patch(message: state_pb2.Port) -> PatchPeer | None:
    if not message.HasField("patch"):
        return None
    return PatchPeer(message.patch.bridge, message.patch.interface, message.patch.tag)


def _encode_patch(patch: PatchPeer | None) -> state_pb2.PatchPeer | None:
    if patch is None:
        return None
    return state_pb2.PatchPeer(bridge=patch.bridge, interface=patch.interface, tag=patch.tag)


def _decode_tap_owner(message: state_pb2.Port) -> TapOwner | None:
    if not message.HasField("tap_owner"):
        return None
    owner = message.tap_owner
    return TapOwner(
        uid=owner.uid if owner.HasField("uid") else None,
        gid=owner.gid if owner.HasField("gid") else None,
    )


def _encode_tap_owner(owner: TapOwner | None) -> state_pb2.TapOwner | None:
    return None if owner is None else state_pb2.TapOwner(uid=owner.uid, gid=owner.gid)
