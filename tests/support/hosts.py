"""Hypothesis strategies for hosts: desired states, and whatever may lie about on a machine.

Names, VLANs, VNIs and addresses come from small pools, so that clashes are common and shrunk
examples are short.
"""

from __future__ import annotations

from hypothesis import strategies as st

from agent.model import (
    ID_KEY,
    OWNER_KEY,
    Bridge,
    DatapathType,
    HostState,
    Link,
    ObservedState,
    OvsBridge,
    OvsInterface,
    OvsPort,
    Port,
    PortType,
    SegmentAttachment,
    SegmentFragment,
    SegmentMember,
    VethPeer,
    bridge_id,
    port_id,
    segment_id,
)

FLEET = "fleet-1"
OTHER_FLEET = "fleet-2"
OWN_HOST = "h0"
OVERLAY = Bridge("overlay", "br-fleet", DatapathType.NETDEV)

PORT_NAMES = ("p0", "p1", "p2", "p3")
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
    """A machine with Open vSwitch and namespaces, and nothing else on it."""
    known = {
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
_PORT_TYPES = st.sampled_from((PortType.INTERNAL, PortType.VETH))
_DATAPATH_TYPES = st.sampled_from((DatapathType.NETDEV, DatapathType.SYSTEM))
_REMOTES = st.sets(st.sampled_from(("h1", "h2", "h3")))
_DST_PORTS = st.sampled_from((4789, 4790))
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
        Bridge(bridge_id(uid), name, draw(_DATAPATH_TYPES))
        for uid, name in zip(uids, names, strict=False)
    )


@st.composite
def ports(draw: st.DrawFn, on: tuple[str, ...], vlans: tuple[int, ...]) -> tuple[Port, ...]:
    uids = draw(_PORT_UIDS) if on else []
    names = draw(st.permutations(PORT_NAMES))
    places = [VethPeer(netns, name) for netns in NAMESPACES for name in PEER_NAMES]
    peers = draw(st.permutations(places))
    return tuple(
        draw(port(uid=port_id(uid), name=name, peer=peer, on=on, vlans=vlans))
        for uid, name, peer in zip(uids, names, peers, strict=False)
    )


@st.composite
def port(
    draw: st.DrawFn,
    *,
    uid: str,
    name: str,
    peer: VethPeer,
    on: tuple[str, ...],
    vlans: tuple[int, ...],
) -> Port:
    kind = draw(_PORT_TYPES)
    return Port(
        id=uid,
        interface=name,
        type=kind,
        bridge=draw(st.sampled_from(on)),
        tag=draw(st.sampled_from((0, *vlans))),
        mac=draw(_MACS),
        mtu=draw(_MTUS),
        addresses=draw(_ADDRESSES),
        peer=peer if kind is PortType.VETH else None,
    )


@st.composite
def segments(draw: st.DrawFn) -> tuple[tuple[SegmentAttachment, SegmentFragment], ...]:
    uids = draw(st.lists(st.sampled_from("ST"), unique=True))
    vlans = draw(st.permutations((11, 12, 13)))
    vnis = draw(st.permutations((10001, 10002, 10003)))
    vteps = draw(st.permutations(VTEPS))
    result = []
    for uid, vlan, vni in zip(uids, vlans, vnis, strict=False):
        others = sorted(draw(_REMOTES))
        hosts = (OWN_HOST, *others)
        members = tuple(SegmentMember(host, host, vteps[int(host[1])]) for host in hosts)
        dst_port = draw(_DST_PORTS)
        content = f"{uid}{vni}{dst_port}{members}".encode()
        fragment = SegmentFragment(content, uid, vni, dst_port, 1450, members)
        result.append((SegmentAttachment(uid, vlan, content), fragment))
    return tuple(result)


@st.composite
def desired_states(draw: st.DrawFn) -> HostState:
    attached = draw(segments())
    explicit = draw(bridges())
    has_overlay = bool(attached) or draw(st.booleans())
    overlay = OVERLAY if has_overlay else None
    on = tuple(bridge.name for bridge in explicit) + ((OVERLAY.name,) if overlay else ())
    vlans = tuple(attachment.local_vlan for attachment, _ in attached)
    return HostState(
        fleet_uid=FLEET,
        fleet_epoch=1,
        revision=draw(st.integers(1, 9)),
        hash=b"any",
        host_uid=OWN_HOST,
        host_name=OWN_HOST,
        overlay=overlay,
        bridges=explicit,
        ports=draw(ports(on, vlans)),
        attachments=tuple(attachment for attachment, _ in attached),
        fragments={fragment.hash: fragment for _, fragment in attached},
    )


def ids(state: HostState) -> frozenset[str]:
    """Every id that intent can delete: tunnels go with their segments."""
    overlay = {"overlay"} if state.overlay else set()
    tunnels = {
        f"tunnel:{fragment.segment_uid}/{member.host_uid}"
        for fragment in state.fragments.values()
        for member in fragment.members
        if member.host_uid != state.host_uid
    }
    return frozenset(
        overlay
        | tunnels
        | {bridge.id for bridge in state.bridges}
        | {port.id for port in state.ports}
        | {segment_id(attachment.segment_uid) for attachment in state.attachments}
    )


# --- observed ------------------------------------------------------------------------------------

_FOREIGN_MARKS: tuple[dict[str, str], ...] = (
    {},
    {"iface-id": "vm-7"},
    {OWNER_KEY: OTHER_FLEET, ID_KEY: "port:0"},
)


@st.composite
def foreign_ports(draw: st.DrawFn, names: st.SearchStrategy[str]) -> OvsPort:
    name = draw(names)
    marks = draw(st.sampled_from(_FOREIGN_MARKS))
    kind = draw(st.sampled_from(("", "internal", "vxlan")))
    options = draw(_foreign_options()) if kind == "vxlan" else {}
    interface = OvsInterface(name, kind, options, external_ids=marks)
    tag = draw(st.sampled_from((None, 11, 99)))
    return OvsPort(name, (interface,), tag=tag, external_ids=marks)


def _foreign_options() -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {"key": st.sampled_from(("10001", "7")), "remote_ip": st.sampled_from(VTEPS)},
        optional={
            "local_ip": st.sampled_from(VTEPS),
            "dst_port": st.sampled_from(("4789", "4790")),
        },
    )


@st.composite
def foreign_bridges(draw: st.DrawFn, names: st.SearchStrategy[str]) -> OvsBridge:
    name = draw(names)
    local = OvsPort(name, (OvsInterface(name, "internal"),))
    port_names = st.sampled_from((*PORT_NAMES, "eth0", "vm1"))
    drawn = draw(st.lists(foreign_ports(port_names), max_size=2, unique_by=lambda each: each.name))
    unique = [each for each in drawn if each.name != name]
    marks = draw(st.sampled_from(_FOREIGN_MARKS))
    mode = draw(st.sampled_from((None, "secure")))
    return OvsBridge(name, (local, *unique), "netdev", mode, marks)


@st.composite
def foreign_links(draw: st.DrawFn) -> dict[str, Link]:
    names = draw(st.sets(st.sampled_from(("eth0", "vm1", "p0", "br-a")), max_size=3))
    kinds = st.sampled_from(("", "bridge", "vxlan"))
    return {
        name: Link(name, index, draw(kinds), alias=draw(st.sampled_from(("", "theirs"))))
        for index, name in enumerate(sorted(names), start=1)
    }


@st.composite
def strange_hosts(draw: st.DrawFn) -> ObservedState:
    """A machine on which others have been busy, with or without clashes with our names."""
    names = st.sampled_from(("br-int", "br-phy", "br-a", "p1"))
    rows = draw(st.lists(foreign_bridges(names), max_size=2, unique_by=lambda each: each.name))
    found: dict[str, OvsBridge] = {}
    used: set[str] = set()
    for row in rows:
        mine = {each.name for each in row.ports} | {row.name}
        if not mine & used:
            used |= mine
            found[row.name] = row
    peers: dict[tuple[str, str], Link] = {}
    if draw(st.booleans()):
        peers["ns0", "e0"] = Link("e0", 900, "veth", peer_ifindex=901)
    return bare_host(bridges=found, links=draw(foreign_links()), peers=peers)
