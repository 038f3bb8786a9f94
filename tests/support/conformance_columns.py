"""The three columns of the table: what is intended of each sort of host, and where it is seen."""

from __future__ import annotations

from collections.abc import Mapping

from controller.domain.intent import BridgeType, DatapathType, Kind, PortType, TunnelEnd
from controller.domain.safety import DriftPolicy
from controller.domain.settings import FailMode, VlanMode
from controller.domain.topology import Topology
from tests.support import conformance_bridges as bridges
from tests.support import conformance_guests as guests
from tests.support import conformance_linux as linux
from tests.support import conformance_segments as segments
from tests.support import conformance_watchers as watchers
from tests.support.conformance import Apart, Column, Field, Specimen, Values, samples_of

USERSPACE, KERNEL, LINUX = "userspace OVS", "kernel OVS", "Linux bridge"
TITLES = (USERSPACE, KERNEL, LINUX)

_APART: Mapping[Field, Apart] = {
    ("Pool", "quarantine_s"): Apart.CONTROLLER,
    ("Host", "management_interface"): Apart.CONTROLLER,
    ("Host", "state"): Apart.CONTROLLER,
    ("Segment", "subnets"): Apart.CONTROLLER,
    ("Segment", "provider_loop_safe"): Apart.CONTROLLER,
    ("Mirror", "ttl_s"): Apart.CONTROLLER,
    ("Host", "confirm"): Apart.AGENT,
    ("Host", "confirm_timeout_s"): Apart.AGENT,
    **{(kind, "drift_policy"): Apart.AGENT for kind in ("Bridge", "Segment", "Port")},
}
_OF_OVS: Mapping[Field, Apart] = {
    (kind, "drift_policy"): Apart.AGENT for kind in ("Tunnel", "Mirror", "FlowExport")
}
_REFUSED: Mapping[Field, Values] = {
    ("QosPolicy", "jitter_us"): {"jitter_us": 5},
    ("Bridge", "datapath_type"): {"datapath_type": DatapathType.NETDEV},
    ("Bridge", "fail_mode"): {"fail_mode": FailMode.SECURE},
    **{drift: {"drift_policy": DriftPolicy.REPORT} for drift in _OF_OVS},
}
"""Samples of what no sort of host shows, or shows with a value that says nothing elsewhere."""


def columns(workload: str) -> dict[str, Column]:
    """Every column; ``workload`` is the namespace that the far ends of veth pairs go to."""
    made = (
        _ovs(USERSPACE, DatapathType.NETDEV, workload),
        _ovs(KERNEL, DatapathType.SYSTEM, workload),
        _linux(workload),
    )
    return {each.title: each for each in made}


def samples() -> dict[Field, Values]:
    return {**samples_of(columns("workload").values()), **_REFUSED}


def _ovs(title: str, kind: DatapathType, workload: str) -> Column:
    made = [
        *segments.pools(),
        *segments.hosts(BridgeType.OVS, kind),
        *bridges.ovs_bridges(kind),
        *bridges.ovs_ports(workload, kind),
        *segments.profiles(BridgeType.OVS, kind),
        *segments.segments(BridgeType.OVS, workload),
        *guests.guests(),
        *segments.ovs_segments(workload, kind),
        *segments.tunnels(kind),
        *watchers.policies(kind),
        *watchers.mirrors(kind),
        *watchers.exports(),
    ]
    specimens = list(segments.placed(iter(made), segments.ovs_shows(kind) | guests.ovs_shows()))
    return Column(title, specimens, _ovs_bases(specimens), {**_APART, **_OF_OVS})


def _ovs_bases(specimens: list[Specimen]) -> Mapping[str, list[Specimen]]:
    """Try bridges with the one of which nothing is said, and ports there."""
    named = {(each.kind, each.name): each for each in specimens}
    return {
        "Bridge": [_new_bridge(named)],
        "Port": [named[Kind.PORT, "p-tap"]],
        "QosPolicy": [named[Kind.QOS_POLICY, "netem"]],
        "TunnelProfile": [named[Kind.TUNNEL_PROFILE, "told"]],
    }


def _linux(workload: str) -> Column:
    made = [
        *segments.pools(),
        *segments.hosts(BridgeType.LINUX, DatapathType.SYSTEM),
        *linux.linux_bridges(),
        *linux.linux_ports(workload),
        *segments.profiles(BridgeType.LINUX, DatapathType.SYSTEM),
        *segments.segments(BridgeType.LINUX, workload),
    ]
    specimens = list(segments.placed(iter(made), segments.linux_shows()))
    exports = [
        (each.kind.value, path)
        for each in watchers.exports()
        for path in each.shows
        if each.kind is Kind.FLOW_EXPORT
    ]
    exports.append(("FlowExport", "drift_policy"))
    ovs_alone = (("Host", "datapath_type"), ("Host", "overlay_bridge"), *exports)
    apart = {**_APART, **dict.fromkeys(ovs_alone, Apart.NO_OVS)}
    return Column(LINUX, specimens, _linux_bases(specimens), apart)


def _linux_bases(specimens: list[Specimen]) -> Mapping[str, list[Specimen]]:
    named = {(each.kind, each.name): each for each in specimens}
    tap = named[Kind.PORT, "p-tap"]
    at = {"host": "h1", "interface": "p-new", "bridge": "c-flat"}
    patch = {"type": PortType.PATCH, "patch.bridge": "c-set", "patch.interface": "p-far"}
    bond = {"type": PortType.BOND, "bond.members": bridges.CARDS[:2]}
    tunnel = {**tap.values, "bridge": "c-set", "tag": 8, "vlan_mode": VlanMode.DOT1Q_TUNNEL}
    in_tunnel = Specimen(Kind.PORT, "p-tap", tunnel)
    mirror = {"host": "h1", "bridge": "c-flat", "select_all": True, "output_vlan": 9}
    ends = (TunnelEnd("h1", "c-tun"), TunnelEnd(ip="192.0.2.97"))
    at_tunnel = {"host": "h1", "interface": "c-tun", "type": BridgeType.LINUX}
    with_policy = Specimen(Kind.PORT, "p-tap", {**tap.values, "qos_policy": "new"})
    return {
        "Host": [named[Kind.HOST, "h1"]],
        "Bridge": [_new_bridge(named)],
        "Port": [tap],
        "Port.patch": [Specimen(Kind.PORT, "new", {**at, **patch})],
        "Port.bond": [Specimen(Kind.PORT, "new", {**at, **bond})],
        "Port.cvlans": [in_tunnel],
        "Port.qinq_ethtype": [in_tunnel],
        "Port.iface_id": [guests.plugged("nowhere")],
        "Port.migrating_to": [guests.moving()],
        "Port.qos_policy": [Specimen(Kind.QOS_POLICY, "new", {}), with_policy],
        "Segment": [named[Kind.SEGMENT, "s-told"]],
        "Segment.hubs": [_topology(named, Topology.HUB_SPOKE, {"hubs": ("h2",)})],
        "Segment.links": [_topology(named, Topology.EXPLICIT, {"links": (("h1", "h2"),)})],
        "TunnelProfile": [named[Kind.TUNNEL_PROFILE, "told"]],
        "QosPolicy": [Specimen(Kind.QOS_POLICY, "new", {}), with_policy],
        "Tunnel": [
            Specimen(Kind.TUNNEL, "new", {"ends": ends}),
            Specimen(Kind.BRIDGE, "c-tun", at_tunnel),
        ],
        "Mirror": [Specimen(Kind.MIRROR, "new", mirror)],
    }


def _new_bridge(named: Mapping[tuple[Kind, str], Specimen]) -> Specimen:
    flat = named[Kind.BRIDGE, "c-flat"]
    return Specimen(Kind.BRIDGE, "new", {**flat.values, "interface": "c-new"})


def _topology(
    named: Mapping[tuple[Kind, str], Specimen], topology: Topology, values: Values
) -> Specimen:
    first = named[Kind.SEGMENT, "s-told"]
    return Specimen(first.kind, first.name, {**first.values, "topology": topology, **values})
