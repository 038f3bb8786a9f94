"""Translates segment fragments between the wire and the agent's model, as ``codec`` does the rest.

Pure, and total on whatever a newer or older controller may send. Must not decide what a fragment
means for the host.
"""

from __future__ import annotations

from ovsfleet.v1 import state_pb2

from agent.fragments import (
    NO_OPTIONS,
    ArpMode,
    Neighbour,
    SegmentFragment,
    SegmentLink,
    SegmentMember,
    Topology,
    TunnelOptions,
)

_TOPOLOGIES = {
    Topology.FULL: state_pb2.TOPOLOGY_FULL,
    Topology.LINKS: state_pb2.TOPOLOGY_LINKS,
}
_TOPOLOGIES_BACK = {
    # Controllers that do not know the field know no other topology either.
    state_pb2.TOPOLOGY_UNSPECIFIED: Topology.FULL,
    **{number: value for value, number in _TOPOLOGIES.items()},
}
_ARP_MODES = {
    ArpMode.FLOOD: state_pb2.ARP_MODE_FLOOD,
    ArpMode.SUPPRESS: state_pb2.ARP_MODE_SUPPRESS,
    ArpMode.STRICT: state_pb2.ARP_MODE_STRICT,
}
_ARP_MODES_BACK = {
    state_pb2.ARP_MODE_UNSPECIFIED: ArpMode.FLOOD,
    **{number: value for value, number in _ARP_MODES.items()},
}
_UNKNOWN = 2**31 - 1
"""Stands for every value that this agent does not know, because 0 has a meaning already."""
_UNKNOWN_TOPOLOGY: state_pb2.Topology.ValueType = _UNKNOWN  # type: ignore[assignment]
_UNKNOWN_ARP_MODE: state_pb2.ArpMode.ValueType = _UNKNOWN  # type: ignore[assignment]


def decode_fragment(message: state_pb2.SegmentFragment) -> SegmentFragment:
    has_options = message.HasField("options")
    return SegmentFragment(
        hash=message.hash,
        segment_uid=message.segment_uid,
        vni=message.vni,
        dst_port=message.dst_port,
        mtu=message.mtu,
        members=tuple(_decode_member(each) for each in message.members),
        options=_decode_options(message.options) if has_options else NO_OPTIONS,
        topology=_TOPOLOGIES_BACK.get(message.topology, Topology.UNKNOWN),
        links=tuple(
            SegmentLink(each.a_host_uid, each.b_host_uid, each.split_horizon)
            for each in message.links
        ),
        external_vteps=tuple(message.external_vteps),
        arp_mode=_ARP_MODES_BACK.get(message.arp_mode, ArpMode.UNKNOWN),
    )


def encode_fragment(fragment: SegmentFragment) -> state_pb2.SegmentFragment:
    return state_pb2.SegmentFragment(
        hash=fragment.hash,
        segment_uid=fragment.segment_uid,
        vni=fragment.vni,
        dst_port=fragment.dst_port,
        mtu=fragment.mtu,
        members=[_encode_member(each) for each in fragment.members],
        options=None if fragment.options == NO_OPTIONS else _encode_options(fragment.options),
        topology=_TOPOLOGIES.get(fragment.topology, _UNKNOWN_TOPOLOGY),
        links=[
            state_pb2.SegmentLink(
                a_host_uid=each.a_host_uid,
                b_host_uid=each.b_host_uid,
                split_horizon=each.split_horizon,
            )
            for each in fragment.links
        ],
        external_vteps=fragment.external_vteps,
        arp_mode=_ARP_MODES.get(fragment.arp_mode, _UNKNOWN_ARP_MODE),
    )


def _decode_member(message: state_pb2.SegmentMember) -> SegmentMember:
    return SegmentMember(
        message.host_uid,
        message.host_name,
        message.vtep,
        tuple(message.macs),
        tuple(Neighbour(each.ip, each.mac) for each in message.neighbours),
        message.former_vtep,
        message.former_is_unused,
    )


def _encode_member(member: SegmentMember) -> state_pb2.SegmentMember:
    return state_pb2.SegmentMember(
        host_uid=member.host_uid,
        host_name=member.host_name,
        vtep=member.vtep,
        macs=member.macs,
        neighbours=[state_pb2.Neighbour(ip=each.ip, mac=each.mac) for each in member.neighbours],
        former_vtep=member.former_vtep,
        former_is_unused=member.former_is_unused,
    )


def _decode_options(message: state_pb2.TunnelOptions) -> TunnelOptions:
    has_mark = message.HasField("egress_pkt_mark")
    return TunnelOptions(
        ttl=message.ttl,
        tos=message.tos,
        csum=message.csum if message.HasField("csum") else None,
        df_default=message.df_default if message.HasField("df_default") else None,
        egress_pkt_mark=message.egress_pkt_mark if has_mark else None,
        gbp=message.gbp,
        flow_label=message.flow_label,
        source_ports=(message.source_port_min, message.source_port_max),
        bfd=dict(message.bfd),
    )


def _encode_options(options: TunnelOptions) -> state_pb2.TunnelOptions:
    source_port_min, source_port_max = options.source_ports
    return state_pb2.TunnelOptions(
        ttl=options.ttl,
        tos=options.tos,
        csum=options.csum,
        df_default=options.df_default,
        egress_pkt_mark=options.egress_pkt_mark,
        gbp=options.gbp,
        flow_label=options.flow_label,
        source_port_min=source_port_min,
        source_port_max=source_port_max,
        bfd=options.bfd,
    )
