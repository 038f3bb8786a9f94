"""QoS, mirrors and exports of flows, between ``ovsfleet.v1`` messages and ``agent.monitoring``.

A part of the codec: pure, and like the rest of it without an opinion on what it carries.
"""

from __future__ import annotations

from ovsfleet.v1 import state_pb2

from agent.controlplane.settings_codec import decode_settings, encode_settings
from agent.monitoring import FlowExport, FlowProtocol, Mirror, MirrorTunnel, Qos, Queue

_PROTOCOLS = {
    FlowProtocol.NETFLOW: state_pb2.FLOW_PROTOCOL_NETFLOW,
    FlowProtocol.SFLOW: state_pb2.FLOW_PROTOCOL_SFLOW,
    FlowProtocol.IPFIX: state_pb2.FLOW_PROTOCOL_IPFIX,
    FlowProtocol.UNKNOWN: state_pb2.FLOW_PROTOCOL_UNSPECIFIED,
}
_PROTOCOLS_BACK = {number: value for value, number in _PROTOCOLS.items()}


def decode_qos(message: state_pb2.Port) -> Qos | None:
    if not message.HasField("qos"):
        return None
    queues = tuple(
        Queue(each.id, each.dscp if each.HasField("dscp") else None, dict(each.other_config))
        for each in message.qos.queues
    )
    return Qos(message.qos.type, dict(message.qos.other_config), queues)


def encode_qos(qos: Qos | None) -> state_pb2.Qos | None:
    if qos is None:
        return None
    queues = [
        state_pb2.Queue(id=each.id, dscp=each.dscp, other_config=each.other_config)
        for each in qos.queues
    ]
    return state_pb2.Qos(type=qos.type, other_config=qos.other_config, queues=queues)


def decode_mirror(message: state_pb2.Mirror) -> Mirror:
    return Mirror(
        id=message.id,
        name=message.name,
        bridge=message.bridge,
        select_all=message.select_all,
        select_src_ports=frozenset(message.select_src_ports),
        select_dst_ports=frozenset(message.select_dst_ports),
        select_vlans=frozenset(message.select_vlans),
        output_port=message.output_port,
        output_vlan=message.output_vlan,
        tunnel=_decode_tunnel(message),
        snaplen=message.snaplen,
    )


def encode_mirror(mirror: Mirror) -> state_pb2.Mirror:
    return state_pb2.Mirror(
        id=mirror.id,
        name=mirror.name,
        bridge=mirror.bridge,
        select_all=mirror.select_all,
        select_src_ports=sorted(mirror.select_src_ports),
        select_dst_ports=sorted(mirror.select_dst_ports),
        select_vlans=sorted(mirror.select_vlans),
        output_port=mirror.output_port,
        output_vlan=mirror.output_vlan,
        tunnel=_encode_tunnel(mirror.tunnel),
        snaplen=mirror.snaplen,
    )


def decode_flow_export(message: state_pb2.FlowExport) -> FlowExport:
    return FlowExport(
        id=message.id,
        protocol=_PROTOCOLS_BACK.get(message.protocol, FlowProtocol.UNKNOWN),
        bridges=tuple(message.bridges),
        settings=decode_settings(message.settings),
    )


def encode_flow_export(export: FlowExport) -> state_pb2.FlowExport:
    return state_pb2.FlowExport(
        id=export.id,
        protocol=_PROTOCOLS[export.protocol],
        bridges=export.bridges,
        settings=encode_settings(export.settings),
    )


def _decode_tunnel(message: state_pb2.Mirror) -> MirrorTunnel | None:
    if not message.HasField("tunnel"):
        return None
    tunnel = message.tunnel
    return MirrorTunnel(tunnel.interface, tunnel.type, dict(tunnel.options))


def _encode_tunnel(tunnel: MirrorTunnel | None) -> state_pb2.MirrorTunnel | None:
    if tunnel is None:
        return None
    return state_pb2.MirrorTunnel(
        interface=tunnel.interface, type=tunnel.type, options=tunnel.options
    )
