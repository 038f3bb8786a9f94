"""Specimens of what makes segments: hosts, zones, pools, profiles, and tunnels between hosts.

Hosts h2 to h4 are intent alone: what a host has of a segment is its own end of each tunnel. Their
VTEPs come from pools where that is what is to be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from controller.domain.definitions import PoolType
from controller.domain.intent import (
    AddressFamily,
    Backend,
    BridgeType,
    DatapathType,
    Kind,
    PortType,
    TunnelEnd,
)
from controller.domain.topology import ArpMode, Topology
from tests.support.conformance import Shown, Specimen, Values
from tests.support.conformance_bridges import column, link, port_of, row_is_there
from tests.support.conformance_system import Row, System

OVERLAY = "c-over"
LABELS = {"site": "here"}
"""Of host h1."""
_MEMBERS = ("h2", "h3")
_TO_MEMBERS = frozenset({"192.0.2.20", "192.0.2.30"})
_OUTSIDE = "192.0.2.99"


def in_kernel(vni: int, *path: str, expected: object) -> Shown:
    return link(f"kx{vni}", "linkinfo", *path, expected=expected)


def option(vni: int, key: str, expected: str) -> Shown:
    """What every tunnel of a VNI has in Open vSwitch."""
    return Shown(lambda system: system.remotes(vni, key), frozenset({expected}))


def opened(vni: int, key: str, expected: str, shown: str | None = None) -> Shown:
    """An option that ovs-vswitchd also says itself that it has opened every tunnel with."""
    said = frozenset({expected if shown is None else shown})
    read = Shown(lambda system: system.opened_with(vni, key), said)
    return option(vni, key, expected).and_also(read)


def _rows_have(vni: int, of: Callable[[Row], object], expected: object) -> Shown:
    return Shown(lambda system: {of(row) for row in system.tunnels_of(vni)}, {expected})


# --- hosts, zones and pools ----------------------------------------------------------------------


def pools() -> Iterator[Specimen]:
    for name, kind, values in (
        ("vteps", PoolType.VTEP, "192.0.2.20-192.0.2.21"),
        ("zone-vteps", PoolType.VTEP, "192.0.2.30"),
        ("vnis", PoolType.VNI, "6101-6102"),
        ("zone-vnis", PoolType.VNI, "6001"),
    ):
        yield Specimen(Kind.POOL, name, {"type": kind, "ranges": (values,)})
    zone = {"vni_pool": "zone-vnis", "vtep_pool": "zone-vteps"}
    yield Specimen(Kind.TRANSPORT_ZONE, "zone", zone)


def hosts(kind: BridgeType, datapath: DatapathType) -> Iterator[Specimen]:
    ovs = kind is BridgeType.OVS
    told = {"overlay_bridge_type": kind} | ({"datapath_type": datapath} if ovs else {})
    first = {"vteps": ("192.0.2.1", "2001:db8::1"), "underlay_mtu": 1400, "zones": ("zone",)}
    named = {"overlay_bridge": OVERLAY, "overlay_bridge_ready": True} if ovs else {}
    yield Specimen(Kind.HOST, "h1", {**first, **named, **told}, labels=LABELS)
    yield Specimen(Kind.HOST, "h2", {"vtep_pool": "vteps", **told})
    yield Specimen(Kind.HOST, "h3", {"zones": ("zone",), **told})
    yield Specimen(Kind.HOST, "h4", {"vteps": ("192.0.2.4", "2001:db8::4"), **told})


def placed(
    made: Iterator[Specimen], shows: Mapping[tuple[Kind, str], Mapping[str, Shown]]
) -> Iterator[Specimen]:
    """Say of specimens where their fields are to be seen."""
    for each in made:
        found = shows.get((each.kind, each.name), {})
        yield replace(each, shows={**each.shows, **found})


# --- segments ------------------------------------------------------------------------------------


def _segment(
    name: str, vni: int | None, values: Values, workload: str, members: tuple[str, ...]
) -> list[Specimen]:
    """A segment with ports on h1 and on other hosts."""
    told = {"vni": vni, **values} if vni else dict(values)
    ports = [_port(name, host, workload) for host in ("h1", *members)]
    return [Specimen(Kind.SEGMENT, name, told), *ports]


def _port(segment: str, host: str, workload: str) -> Specimen:
    name = f"{host}-{segment}"
    far = {"type": PortType.VETH, "peer.netns": workload, "peer.interface": f"e-{segment}"}
    values = {"host": host, "interface": name, "segment": segment, **far}
    return Specimen(Kind.PORT, name, values)


def segments(kind: BridgeType, workload: str) -> Iterator[Specimen]:
    """What every sort of host can carry."""
    backend = Backend.OVS if kind is BridgeType.OVS else Backend.KERNEL
    fixed = {"backend": backend}
    main = {
        "mtu": 1300,
        "dst_port": 4790,
        "topology": Topology.FULL,
        "external_vteps": (_OUTSIDE,),
        "address_family": AddressFamily.IPV4,
        **fixed,
    }
    yield from _segment("s-main", 5001, main, workload, _MEMBERS)
    six = {"address_family": AddressFamily.IPV6, "dst_port": 4791, **fixed}
    yield from _segment("s-six", 5002, six, workload, ("h4",))
    yield from _segment(
        "s-zone", None, {"zone": "zone", "dst_port": 4790, **fixed}, workload, ("h3",)
    )
    yield from _segment(
        "s-pool", None, {"vni_pool": "vnis", "dst_port": 4790, **fixed}, workload, ("h2",)
    )
    yield from _segment("s-told", 5003, {"tunnel_profile": "told", **fixed}, workload, ("h2",))
    yield from _segment("s-gbp", 5004, {"tunnel_profile": "gbp", **fixed}, workload, ("h2",))
    wide = {
        "tunnel_profile": "wide",
        "backend": Backend.KERNEL,
        "dst_port": 8473,
        "address_family": AddressFamily.IPV6,
    }
    yield from _segment("s-wide", 5005, wide, workload, ("h4",))
    mode = ArpMode.STRICT if kind is BridgeType.OVS else ArpMode.SUPPRESS
    quiet = {"arp_mode": mode, "backend": Backend.KERNEL, "dst_port": 8474}
    yield from _segment("s-quiet", 5006, quiet, workload, ("h2",))


def ovs_segments(workload: str, datapath: DatapathType) -> Iterator[Specimen]:
    """What needs Open vSwitch on every member, and marks the kernel's datapath too."""
    if datapath is DatapathType.SYSTEM:
        yield Specimen(
            Kind.TUNNEL_PROFILE,
            "mark",
            {"egress_pkt_mark": 7, "dst_port": 4798},
            {"egress_pkt_mark": opened(5009, "egress_pkt_mark", "7")},
        )
        mark = {"tunnel_profile": "mark", "backend": Backend.OVS}
        yield from _segment("s-mark", 5009, mark, workload, ("h2",))
    fixed = {"backend": Backend.OVS, "dst_port": 4790}
    hub = {"topology": Topology.HUB_SPOKE, "hubs": ("h2",), **fixed}
    yield from _segment("s-hub", 5007, hub, workload, _MEMBERS)
    pairs = {"topology": Topology.EXPLICIT, "links": (("h1", "h3"), ("h2", "h3")), **fixed}
    yield from _segment("s-pairs", 5008, pairs, workload, _MEMBERS)


# --- profiles ------------------------------------------------------------------------------------

BFD: Values = {
    "bfd.enabled": True,
    "bfd.min_rx_ms": 500,
    "bfd.min_tx_ms": 600,
    "bfd.decay_min_rx_ms": 700,
    "bfd.forwarding_if_rx": True,
    "bfd.cpath_down": True,
    "bfd.check_tnl_key": True,
    "bfd.bfd_local_dst_mac": "02:00:00:00:00:61",
    "bfd.bfd_remote_dst_mac": "02:00:00:00:00:62",
    "bfd.bfd_src_ip": "169.254.1.2",
    "bfd.bfd_dst_ip": "169.254.1.3",
    "bfd.mult": 5,
}
_BFD_KEYS = {
    "bfd.enabled": "enable",
    "bfd.min_rx_ms": "min_rx",
    "bfd.min_tx_ms": "min_tx",
    "bfd.decay_min_rx_ms": "decay_min_rx",
}


def profiles(kind: BridgeType, datapath: DatapathType) -> Iterator[Specimen]:
    ovs = kind is BridgeType.OVS
    told = {"dst_port": 4795, "ttl": 9, "tos": 16, "csum": ovs, "df_default": not ovs}
    shows = _ovs_profile() if ovs else _linux_profile()
    yield Specimen(Kind.TUNNEL_PROFILE, "told", {**told, **(BFD if ovs else {})}, shows)
    device = "vxlan_sys_4796" if ovs else "kx5004"
    gbp = link(device, "linkinfo", "info_data", "gbp", expected=True)
    if ovs:
        row = option(5004, "exts", "gbp")
        gbp = row.and_also(gbp) if datapath is DatapathType.SYSTEM else row
    yield Specimen(Kind.TUNNEL_PROFILE, "gbp", {"gbp": True, "dst_port": 4796}, {"gbp": gbp})
    wide = {"flow_label": 77, "source_port_min": 40_000, "source_port_max": 50_000}
    ports = ("info_data", "port_range")
    yield Specimen(
        Kind.TUNNEL_PROFILE,
        "wide",
        wide,
        {
            "flow_label": in_kernel(5005, "info_data", "label", expected="0x4d"),
            "source_port_min": in_kernel(5005, *ports, "low", expected=40_000),
            "source_port_max": in_kernel(5005, *ports, "high", expected=50_000),
        },
    )


def _ovs_profile() -> dict[str, Shown]:
    words = {"dst_port": "4795", "ttl": "9", "tos": "16", "csum": "true", "df_default": "false"}
    bfd = {
        path: _rows_have(5003, _bfd_key(_BFD_KEYS.get(path, path[4:])), _text(value))
        for path, value in BFD.items()
    }
    hexadecimal = {"tos": "0x10"}
    said = {path: opened(5003, path, word, hexadecimal.get(path)) for path, word in words.items()}
    return said | bfd


def _bfd_key(key: str) -> Callable[[Row], object]:
    return lambda row: row["bfd"][key]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _linux_profile() -> dict[str, Shown]:
    said = {
        "dst_port": ("port", 4795),
        "ttl": ("ttl", 9),
        "tos": ("tos", "0x10"),
        "csum": ("udp_csum", False),
        "df_default": ("df", "set"),
    }
    return {
        path: in_kernel(5003, "info_data", key, expected=expected)
        for path, (key, expected) in said.items()
    }


# --- where it is to be seen ----------------------------------------------------------------------


def ovs_shows(datapath: DatapathType) -> dict[tuple[Kind, str], dict[str, Shown]]:
    def remotes(vni: int, *expected: str) -> Shown:
        return Shown(lambda system: system.remotes(vni), frozenset(expected))

    there = remotes(5001, *_TO_MEMBERS, _OUTSIDE)
    six = remotes(5002, "2001:db8::4")
    return _pooled(remotes) | {
        (Kind.HOST, "h1"): {
            "vteps": option(5001, "local_ip", "192.0.2.1"),
            "underlay_mtu": link("h1-s-told", "mtu", expected=1350),
            "datapath_type": column("Bridge", OVERLAY, "datapath_type", str(datapath)),
            "overlay_bridge": row_is_there("Bridge", OVERLAY),
            "overlay_bridge_ready": row_is_there("Bridge", OVERLAY),
            "overlay_bridge_type": port_of(OVERLAY, "h1-s-main"),
        },
        (Kind.SEGMENT, "s-main"): {
            "vni": there,
            "mtu": link("h1-s-main", "mtu", expected=1300),
            "dst_port": option(5001, "dst_port", "4790"),
            "backend": _rows_have(5001, lambda row: row["type"], "vxlan"),
            "external_vteps": there,
        },
        (Kind.SEGMENT, "s-six"): {"address_family": six},
        (Kind.SEGMENT, "s-told"): {"tunnel_profile": option(5003, "ttl", "9")},
        (Kind.SEGMENT, "s-quiet"): {
            "arp_mode": in_kernel(5006, "info_data", "proxy", expected=True)
        },
        (Kind.SEGMENT, "s-hub"): dict.fromkeys(("topology", "hubs"), remotes(5007, "192.0.2.20")),
        (Kind.SEGMENT, "s-pairs"): dict.fromkeys(
            ("links.a", "links.b"), remotes(5008, "192.0.2.30")
        ),
        (Kind.PORT, "h1-s-main"): {"segment": port_of(OVERLAY, "h1-s-main")},
    }


def linux_shows() -> dict[tuple[Kind, str], dict[str, Shown]]:
    def remotes(vni: int, *expected: str) -> Shown:
        return Shown(lambda system: system.flooded_to(f"kx{vni}"), frozenset(expected))

    there = remotes(5001, *_TO_MEMBERS, _OUTSIDE)
    slave = ("linkinfo", "info_slave_data")
    return _pooled(remotes) | {
        (Kind.HOST, "h1"): {
            "vteps": in_kernel(5001, "info_data", "local", expected="192.0.2.1"),
            "underlay_mtu": link("h1-s-told", "mtu", expected=1350),
            "overlay_bridge_type": link("br-v5001", "linkinfo", "info_kind", expected="bridge"),
        },
        (Kind.SEGMENT, "s-main"): {
            "vni": in_kernel(5001, "info_data", "id", expected=5001),
            "mtu": link("h1-s-main", "mtu", expected=1300),
            "dst_port": in_kernel(5001, "info_data", "port", expected=4790),
            "backend": in_kernel(5001, "info_kind", expected="vxlan"),
            "external_vteps": there,
        },
        (Kind.SEGMENT, "s-six"): {"address_family": remotes(5002, "2001:db8::4")},
        (Kind.SEGMENT, "s-told"): {
            "tunnel_profile": in_kernel(5003, "info_data", "ttl", expected=9)
        },
        (Kind.SEGMENT, "s-quiet"): {
            "arp_mode": link("kx5006", *slave, "neigh_suppress", expected=True)
        },
        (Kind.PORT, "h1-s-main"): {"segment": link("h1-s-main", "master", expected="br-v5001")},
    }


def _pooled(remotes: Callable[..., Shown]) -> dict[tuple[Kind, str], dict[str, Shown]]:
    """What was taken from pools: the VNI of a tunnel, and the address that it leads to."""
    by_vtep, by_vni = remotes(6101, "192.0.2.20"), remotes(6001, "192.0.2.30")
    return {
        (Kind.POOL, "vnis"): {"type": by_vni, "ranges": by_vni},
        (Kind.TRANSPORT_ZONE, "zone"): {"vni_pool": by_vni, "vtep_pool": by_vni},
        (Kind.HOST, "h2"): {"vtep_pool": by_vtep},
        (Kind.HOST, "h3"): {"zones": by_vni},
        (Kind.SEGMENT, "s-zone"): {"zone": by_vni},
        (Kind.SEGMENT, "s-pool"): {"vni_pool": by_vtep},
    }


# --- tunnels of intent ---------------------------------------------------------------------------


def tunnels(datapath: DatapathType) -> Iterator[Specimen]:
    """From bridge c-tun of h1 to one of h2, and to a VTEP outside of the fleet."""
    for name, host in (("c-tun", "h1"), ("far", "h2")):
        told = {"host": host, "interface": name, "datapath_type": datapath}
        yield Specimen(Kind.BRIDGE, name, told)
    ends = (TunnelEnd("h1", "c-tun", "192.0.2.1", 7), TunnelEnd("h2", "far"))
    values = {"ttl": 9, "tos": 16, "csum": True, "df_default": False}
    words = {"ttl": "9", "tos": "16", "csum": "true", "df_default": "false", "dst_port": "4797"}
    tag = Shown(_tag_of_tunnel, {7})
    yield Specimen(
        Kind.TUNNEL,
        "t-told",
        {"ends": ends, "key": 9001, "dst_port": 4797, **values},
        {
            "ends.host": option(9001, "remote_ip", "192.0.2.20"),
            "ends.bridge": Shown(_bridges_of_tunnel, {"c-tun"}),
            "ends.ip": option(9001, "local_ip", "192.0.2.1"),
            "ends.tag": tag,
            "key": _rows_have(9001, lambda row: row["type"], "vxlan"),
            **{path: option(9001, path, word) for path, word in words.items()},
        },
    )
    outside = (TunnelEnd("h1", "c-tun"), TunnelEnd(ip="2001:db8::99"))
    yield Specimen(
        Kind.TUNNEL,
        "t-six",
        {"ends": outside, "key": 9002, "address_family": AddressFamily.IPV6},
        {"address_family": option(9002, "remote_ip", "2001:db8::99")},
    )


def _ports_of_tunnel(system: System) -> list[Row]:
    names = {row["name"] for row in system.tunnels_of(9001)}
    return [system.row("Port", name) for name in names]


def _tag_of_tunnel(system: System) -> object:
    return {row["tag"] for row in _ports_of_tunnel(system)}


def _bridges_of_tunnel(system: System) -> object:
    uuids = {row["_uuid"] for row in _ports_of_tunnel(system)}
    return {
        row["name"]
        for row in system.tables["Bridge"].values()
        if isinstance(row["ports"], frozenset) and uuids & row["ports"]
    }
