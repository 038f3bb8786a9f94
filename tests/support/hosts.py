"""Hypothesis strategies for hosts: what may be desired of them.

Names, VLANs, VNIs and addresses come from small pools, so that clashes are common and shrunk
examples are short.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from agent.fragments import (
    ArpMode,
    Neighbour,
    SegmentFragment,
    SegmentMember,
    Topology,
)
from agent.model import (
    Backend,
    Bridge,
    BridgeType,
    DatapathType,
    HostState,
    PatchPeer,
    Port,
    PortType,
    SegmentAttachment,
    TapOwner,
    VethPeer,
    bridge_id,
    port_id,
    segment_id,
    tunnel_id,
)
from agent.observed import Link, ObservedState
from tests.support.bridge_strategies import PORT_ATTRIBUTES, linux_bridges, vlans_on
from tests.support.carriage import ends
from tests.support.settings_strategies import (
    BRIDGE_SETTINGS,
    INTERFACE_SETTINGS,
    ROW_SETTINGS,
)
from tests.support.tunnel_strategies import DST_PORTS, OPTIONS, hashed, links, tunnels

FLEET = "fleet-1"
OTHER_FLEET = "fleet-2"
OWN_HOST = "h0"
OVERLAY = Bridge("overlay", "br-fleet", DatapathType.NETDEV)

PORT_NAMES = ("p0", "p1", "p2", "p3")
CARDS = ("eth1", "eth2")
MEMBERS = ("eth3", "eth4", "eth5")
DEVICES = {
    name: Link(name, 700 + number, mac=f"02:00:00:00:07:{number:02x}", up=number % 2 == 0)
    for number, name in enumerate((*CARDS, *MEMBERS))
}
"""What every machine has that somebody else made."""
BRIDGE_NAMES = ("br-a", "br-b", "br-c")
NAMESPACES = ("ns0", "ns1")
PEER_NAMES = ("e0", "e1")
VTEPS = ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
MACS = ("", "02:00:00:00:00:01", "02:00:00:00:00:02")
ADDRESSES = (
    "10.0.0.1/24",
    "10.0.0.1/25",
    "10.0.0.2/24",
    "10.1.0.1/16",
    "fd00::1/64",
    "fd00::1/80",
    "fd00::2/64",
)
MTUS = (1400, 1450, 1500)


def bare_host(**differences: object) -> ObservedState:
    """A machine with Open vSwitch, network cards and namespaces, and nothing else on it."""
    known = {
        "boot": "boot-1",
        "links": dict(DEVICES),
        "namespaces": frozenset(NAMESPACES),
        "datapath_types": frozenset({"system", "netdev"}),
        "iface_types": frozenset({"internal", "vxlan", "patch"}),
    }
    return ObservedState(**(known | differences))  # type: ignore[arg-type]


# Strategies that do not depend on what was drawn are made once: making them is what takes time.
_MACS = st.sampled_from(MACS)
_MTUS = st.sampled_from(MTUS)
_ADDRESSES = st.lists(
    st.sampled_from(ADDRESSES), unique_by=lambda cidr: cidr.partition("/")[0]
).map(frozenset)
_DEVICE_TYPES = (PortType.TAP, PortType.SYSTEM, PortType.PATCH, PortType.BOND)
_PORT_TYPES = st.sampled_from((PortType.INTERNAL, PortType.VETH) * 2 + _DEVICE_TYPES)
_BOND_MEMBERS = st.sets(st.sampled_from((*CARDS, *MEMBERS)), min_size=2, max_size=3).map(
    lambda names: tuple(sorted(names))
)
_VLANS_OF = st.sampled_from(((frozenset(), ""), (frozenset({7, 8}), "trunk")))
_TAP_OWNERS = st.sampled_from((None, TapOwner(uid=107), TapOwner(uid=107, gid=64055)))
_DATAPATH_TYPES = st.sampled_from((DatapathType.NETDEV, DatapathType.SYSTEM))
_REMOTES = st.sets(st.sampled_from(("h1", "h2", "h3")))
_KERNEL_PORTS = st.sampled_from((8472, 8473))
_PLACES = st.sampled_from(("tunnels", "tunnels", "device", "linux bridge"))
"""What carries a segment: tunnels or a device on the overlay bridge, or a device on a Linux one."""
_MEMBER_MACS = st.frozensets(
    st.sampled_from(("02:00:00:00:01:01", "02:00:00:00:01:02", "02:00:00:00:01:03")), max_size=2
).map(lambda macs: tuple(sorted(macs)))
_ARP_MODES = {
    "tunnels": st.just(ArpMode.FLOOD),
    "device": st.sampled_from((ArpMode.FLOOD, ArpMode.STRICT)),
    "linux bridge": st.sampled_from((ArpMode.FLOOD, ArpMode.SUPPRESS, ArpMode.STRICT)),
}
_NEIGHBOURS = st.lists(
    st.builds(
        Neighbour,
        st.sampled_from(("10.0.0.1", "10.0.0.2", "10.0.0.3")),
        st.sampled_from(("02:00:00:00:01:01", "02:00:00:00:01:02", "02:00:00:00:01:03")),
    ),
    max_size=2,
    unique_by=lambda each: each.ip,
).map(tuple)
_FORMER = {
    f"h{number}": st.sampled_from(("", "", f"203.0.113.{number + 1}", VTEPS[number]))
    for number in range(len(VTEPS))
}
_EXTERNAL = st.sampled_from(((), (), ("198.51.100.9",), ("198.51.100.8", "198.51.100.9")))
_PORT_UIDS = st.lists(st.sampled_from("0123"), unique=True)


# --- desired -------------------------------------------------------------------------------------


def addresses() -> st.SearchStrategy[frozenset[str]]:
    """What a port may be given: no address twice."""
    return _ADDRESSES


@st.composite
def bridges(draw: st.DrawFn) -> tuple[Bridge, ...]:
    uids = draw(st.lists(st.sampled_from("ab"), unique=True))
    names = draw(st.permutations(BRIDGE_NAMES))
    return tuple(
        draw(linux_bridges(bridge_id(uid), name))
        if draw(st.integers(0, 2)) == 0
        else Bridge(bridge_id(uid), name, draw(_DATAPATH_TYPES), draw(BRIDGE_SETTINGS))
        for uid, name in zip(uids, names, strict=False)
    )


@dataclass(frozen=True)
class Ground:
    """Where ports can be: on bridges of Open vSwitch, with VLANs, and on Linux bridges."""

    ovs: tuple[str, ...]
    linux: tuple[str, ...]
    """Of segments."""
    vlans: tuple[int, ...]
    explicit: tuple[Bridge, ...] = ()
    """Linux bridges that intent has by themselves."""


@st.composite
def ports(draw: st.DrawFn, ground: Ground) -> tuple[Port, ...]:
    uids = draw(_PORT_UIDS) if ground.ovs or ground.linux or ground.explicit else []
    names = draw(st.permutations(PORT_NAMES))
    places = [VethPeer(netns, name) for netns in NAMESPACES for name in PEER_NAMES]
    peers = draw(st.permutations(places))
    drawn = tuple(
        draw(_port(uid=port_id(uid), name=name, peer=peer, ground=ground))
        for uid, name, peer in zip(uids, names, peers, strict=False)
    )
    return _without_doubles(drawn)


def _without_doubles(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """A device is in one port."""
    used: set[str] = set()
    kept: list[Port] = []
    for each in ports:
        names = {each.interface, *each.members}
        if not names & used:
            used |= names
            kept.append(each)
    return tuple(kept)


def _port(*, uid: str, name: str, peer: VethPeer, ground: Ground) -> st.SearchStrategy[Port]:
    kinds = [
        _bridge_port(uid=uid, name=name, peer=peer, bridge=bridge) for bridge in ground.explicit
    ]
    if ground.ovs or ground.linux:
        kinds.append(port(uid=uid, name=name, peer=peer, ground=ground))
    return st.one_of(kinds)


@st.composite
def port(draw: st.DrawFn, *, uid: str, name: str, peer: VethPeer, ground: Ground) -> Port:
    bridge = draw(st.sampled_from((*ground.ovs, *ground.linux)))
    on_linux = bridge in ground.linux
    kind = PortType.VETH if on_linux else draw(_PORT_TYPES)
    if kind is PortType.PATCH and len(ground.ovs) < 2:
        kind = PortType.INTERNAL
    common = Port(
        id=uid,
        interface=name,
        type=kind,
        bridge=bridge,
        tag=0 if on_linux else draw(st.sampled_from((0, *ground.vlans))),
        mtu=draw(_MTUS),
        admin_down=draw(st.integers(0, 5)) == 0,
    )
    if on_linux:
        return _with_workload(draw, common, peer)
    trunks, mode = draw(_VLANS_OF)
    common = replace(
        common,
        trunks=trunks,
        vlan_mode=mode,
        settings=draw(ROW_SETTINGS),
        interface_settings=draw(INTERFACE_SETTINGS),
    )
    match kind:
        case PortType.TAP:
            return replace(common, tap_owner=draw(_TAP_OWNERS))
        case PortType.SYSTEM:
            return replace(common, interface=draw(st.sampled_from(CARDS)))
        case PortType.PATCH:
            far = draw(st.sampled_from([each for each in ground.ovs if each != bridge]))
            end = PatchPeer(far, name.replace("p", "q"), draw(st.sampled_from((0, 11))))
            return replace(common, patch=end, mtu=0, admin_down=False)
        case PortType.BOND:
            name = name.replace("p", "bond")
            return replace(common, interface=name, members=draw(_BOND_MEMBERS), mtu=0)
    return _with_workload(draw, common, peer)


@st.composite
def _bridge_port(draw: st.DrawFn, *, uid: str, name: str, peer: VethPeer, bridge: Bridge) -> Port:
    kind = draw(st.sampled_from((PortType.VETH, PortType.TAP, PortType.SYSTEM)))
    tag, trunks, mode = draw(vlans_on(bridge))
    common = Port(
        uid,
        draw(st.sampled_from(CARDS)) if kind is PortType.SYSTEM else name,
        kind,
        bridge.name,
        tag,
        mtu=draw(_MTUS),
        trunks=trunks,
        vlan_mode=mode,
        admin_down=draw(st.integers(0, 5)) == 0,
        bridge_port_attributes=draw(PORT_ATTRIBUTES),
    )
    if kind is PortType.TAP:
        return replace(common, tap_owner=draw(_TAP_OWNERS))
    return _with_workload(draw, common, peer) if kind is PortType.VETH else common


def _with_workload(draw: st.DrawFn, port: Port, peer: VethPeer) -> Port:
    return replace(
        port,
        mac=draw(_MACS),
        addresses=draw(_ADDRESSES),
        peer=peer if port.type is PortType.VETH else None,
    )


@st.composite
def segments(draw: st.DrawFn) -> tuple[tuple[SegmentAttachment, SegmentFragment], ...]:
    uids = draw(st.lists(st.sampled_from("ST"), unique=True))
    vlans = draw(st.permutations((11, 12, 13)))
    vnis = draw(st.permutations((10001, 10002, 10003)))
    vteps = draw(st.permutations(VTEPS))
    return tuple(
        draw(segment(uid=uid, vlan=vlan, vni=vni, vteps=tuple(vteps)))
        for uid, vlan, vni in zip(uids, vlans, vnis, strict=False)
    )


@st.composite
def segment(
    draw: st.DrawFn, *, uid: str, vlan: int, vni: int, vteps: tuple[str, ...]
) -> tuple[SegmentAttachment, SegmentFragment]:
    place = draw(_PLACES)
    is_kernel = place != "tunnels"
    hosts = (OWN_HOST, *sorted(draw(_REMOTES)))
    arp_mode = draw(_ARP_MODES[place])
    members = tuple(
        SegmentMember(
            host,
            host,
            vteps[int(host[1])],
            draw(_MEMBER_MACS) if is_kernel else (),
            draw(_NEIGHBOURS) if arp_mode is not ArpMode.FLOOD else (),
            draw(_FORMER[host]),
            is_kernel and draw(st.booleans()),
        )
        for host in hosts
    )
    dst_port = draw(_KERNEL_PORTS if is_kernel else DST_PORTS)
    mtu = draw(_MTUS)
    fragment = SegmentFragment(
        b"", uid, vni, dst_port, mtu, members, options=draw(OPTIONS), arp_mode=arp_mode
    )
    if not is_kernel and draw(st.booleans()):
        fragment = replace(
            fragment,
            topology=Topology.LINKS,
            links=draw(links(hosts)),
            members=tuple(replace(each, former_vtep="") for each in members),
        )
    else:
        fragment = replace(fragment, external_vteps=draw(_EXTERNAL))
    fragment = hashed(fragment)
    backend = Backend.KERNEL if is_kernel else Backend.OVS
    if place == "linux bridge":
        return SegmentAttachment(uid, 0, fragment.hash, backend, f"br-v{vni}"), fragment
    return SegmentAttachment(uid, vlan, fragment.hash, backend), fragment


@st.composite
def desired_states(draw: st.DrawFn) -> HostState:
    attached = draw(segments())
    explicit = draw(bridges())
    linux = tuple(each.linux_bridge for each, _ in attached if each.linux_bridge)
    has_overlay = len(linux) < len(attached) or draw(st.booleans())
    overlay = OVERLAY if has_overlay else None
    of_linux = tuple(each for each in explicit if each.type is BridgeType.LINUX)
    of_ovs = tuple(each for each in explicit if each.type is BridgeType.OVS)
    on = tuple(bridge.name for bridge in of_ovs) + ((OVERLAY.name,) if overlay else ())
    vlans = tuple(each.local_vlan for each, _ in attached if each.local_vlan)
    return HostState(
        fleet_uid=FLEET,
        fleet_epoch=1,
        revision=draw(st.integers(1, 9)),
        hash=b"any",
        host_uid=OWN_HOST,
        host_name=OWN_HOST,
        overlay=overlay,
        bridges=explicit,
        ports=draw(ports(Ground(on, linux, vlans, of_linux))),
        attachments=tuple(attachment for attachment, _ in attached),
        tunnels=draw(tunnels(of_ovs)),
        fragments={fragment.hash: fragment for _, fragment in attached},
    )


def ids(state: HostState) -> frozenset[str]:
    """Every id that intent can delete: the tunnels of a mesh go with their segments."""
    overlay = {"overlay"} if state.overlay else set()
    by_ovs = {each.fragment_hash for each in state.attachments if each.backend is Backend.OVS}
    mesh = {
        tunnel_id(state.fragments[key].segment_uid, end)
        for key in by_ovs
        for end, _, _ in ends(state.fragments[key], state.host_uid)
    }
    return frozenset(
        overlay
        | mesh
        | {bridge.id for bridge in state.bridges}
        | {port.id for port in state.ports}
        | {tunnel.id for tunnel in state.tunnels}
        | {segment_id(attachment.segment_uid) for attachment in state.attachments}
    )
