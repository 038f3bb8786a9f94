"""Specimens of Bridge and Port, and where each of their fields is to be seen on a host.

Samples differ from what Open vSwitch and the kernel do unasked. Ports are told what they may be at
their bridge: what else there is, is tried with the last of them and refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from controller.compiler.settings import BRIDGE_TARGETS, PORT_TARGETS, Target
from controller.domain.intent import BridgeType, DatapathType, Kind, PortType
from controller.domain.settings import (
    AdminP2pMac,
    AdminState,
    BondMode,
    FailMode,
    Lacp,
    LacpTime,
    PriorityTags,
    Protocol,
    QinqEthtype,
    VlanMode,
)
from tests.support.conformance import Shown, Specimen, Values
from tests.support.conformance_system import System

CARDS = tuple(f"card{number}" for number in range(4))
"""Devices that are there before, and become members of bonds."""

WATCHED = {"role": "watched"}
"""Labels of the bridge of which nothing else is said."""

# --- what is looked at ---------------------------------------------------------------------------


def column(table: str, name: str, place: str, expected: object) -> Shown:
    """A column of a row that has a name, or one key of it: ``column:key``."""
    of, _, key = place.partition(":")

    def read(system: System) -> object:
        value = system.row(table, name)[of]
        return value[key] if key else value

    return Shown(read, expected)


def link(name: str, *path: str, expected: object, workload: bool = False) -> Shown:
    """What ip(8) says of a device, by the keys that lead there."""

    def read(system: System) -> object:
        found: Any = (system.workload if workload else system.links)[name]
        for key in path:
            found = found[key]
        return found

    return Shown(read, expected)


def row_is_there(table: str, name: str) -> Shown:
    return Shown(lambda system: system.row(table, name)["name"], name)


def address(name: str, cidr: str, *, workload: bool = False) -> Shown:
    def read(system: System) -> object:
        found = (system.workload if workload else system.links)[name]["addr_info"]
        return cidr in {f"{each['local']}/{each['prefixlen']}" for each in found}

    return Shown(read, expected=True)


def flag(name: str, word: str, *, expected: bool, workload: bool = False) -> Shown:
    def read(system: System) -> object:
        return word in (system.workload if workload else system.links)[name]["flags"]

    return Shown(read, expected)


def port_of(bridge: str, interface: str) -> Shown:
    """Whether a bridge of Open vSwitch has a port."""

    def read(system: System) -> object:
        ports = system.row("Bridge", bridge)["ports"]
        there = ports if isinstance(ports, frozenset) else {ports}
        return system.row("Port", interface)["_uuid"] in there

    return Shown(read, expected=True)


def interfaces_of(port: str, expected: frozenset[str]) -> Shown:
    def read(system: System) -> object:
        found = system.row("Port", port)["interfaces"]
        return frozenset(system.referred("Interface", uuid)["name"] for uuid in found)

    return Shown(read, expected)


def vlans_of(name: str, expected: Mapping[int, frozenset[str]]) -> Shown:
    """Flags by VLAN, as bridge(8) tells them."""

    def read(system: System) -> object:
        return {each["vlan"]: frozenset(each.get("flags", [])) for each in system.vlans[name]}

    return Shown(read, expected)


def shaped(device: str, *words: str) -> Shown:
    """Words that tc(8) says of the classes or policers of a device, in that order."""

    def read(system: System) -> object:
        said = system.shaping[device].split()
        return words in zip(*(said[start:] for start in range(len(words))), strict=False)

    return Shown(read, expected=True)


def settings_shown(name: str, targets: Mapping[str, Target], values: Values) -> dict[str, Shown]:
    """Every setting that has a place of its own in a column, by its path."""
    return {
        path: column(target.table, name, _place(target), _word(target, value))
        for path, value in values.items()
        if (target := targets.get(path)) is not None and target.column != "external_ids"
    }


def _place(target: Target) -> str:
    return f"{target.column}:{target.key}" if target.key else target.column


def _word(target: Target, value: Any) -> object:
    """What is in the column: keys of maps are text, sets of one element are shown as it."""
    if target.encode is not None:
        value = target.encode(value)
    if target.key is not None:
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 else frozenset(value)
    return value


# --- bridges of Open vSwitch ---------------------------------------------------------------------

STP: Values = {
    "stp.enabled": True,
    "stp.priority": 4096,
    "stp.hello_time_s": 1,
    "stp.max_age_s": 10,
    "stp.forward_delay_s": 7,
    "stp.system_id": "02:00:00:00:00:51",
}
RSTP: Values = {
    "rstp.enabled": True,
    "rstp.priority": 8192,
    "rstp.ageing_time_s": 600,
    "rstp.max_age_s": 10,
    "rstp.forward_delay_s": 7,
    "rstp.transmit_hold_count": 4,
    "rstp.force_protocol_version": 0,
}
SWITCHING: Values = {
    "mcast_snooping.enabled": True,
    "mcast_snooping.table_size": 1024,
    "mcast_snooping.aging_time_s": 60,
    "mcast_snooping.flood_unregistered": False,
    "mac_aging_time_s": 600,
    "mac_table_size": 4096,
    "forward_bpdu": True,
    "hwaddr": "02:00:00:00:00:52",
    "datapath_id": "00000000000000ff",
    "protocols": (Protocol.OPENFLOW13,),
}


def ovs_bridges(kind: DatapathType) -> Iterator[Specimen]:
    for name, values in (("c-stp", STP), ("c-rstp", RSTP)):
        yield _ovs_bridge(name, kind, values, settings_shown(name, BRIDGE_TARGETS, values))
    yield replace(_ovs_bridge("c-flat", kind, {}, {}), labels=WATCHED)
    shows = {
        "host": row_is_there("Bridge", "c-set"),
        "interface": row_is_there("Bridge", "c-set"),
        "type": row_is_there("Bridge", "c-set"),
        "datapath_type": column("Bridge", "c-set", "datapath_type", str(kind)),
        "fail_mode": column("Bridge", "c-set", "fail_mode", "standalone"),
    }
    shows |= settings_shown("c-set", BRIDGE_TARGETS, SWITCHING)
    yield _ovs_bridge("c-set", kind, SWITCHING, shows)
    of_group = {"host": None, "host_group": "here"}
    spread = {"host_group": row_is_there("Bridge", "c-spread")}
    yield _ovs_bridge("c-spread", kind, of_group, spread)


def _ovs_bridge(
    name: str, kind: DatapathType, values: Values, shows: Mapping[str, Shown]
) -> Specimen:
    fixed = {
        "host": "h1",
        "interface": name,
        "type": BridgeType.OVS,
        "datapath_type": kind,
        "fail_mode": FailMode.STANDALONE,
    }
    return Specimen(Kind.BRIDGE, name, {**fixed, **values}, shows)


# --- ports of Open vSwitch -----------------------------------------------------------------------

PORT_SETTINGS: Values = {
    "priority_tags": PriorityTags.IF_NONZERO,
    "ingress_policing.rate_kbps": 1000,
    "ingress_policing.burst_kb": 800,
    "stp.enabled": False,
    "stp.path_cost": 7,
    "stp.priority": 16,
    "stp.port_number": 9,
    "rstp.enabled": False,
    "rstp.path_cost": 7,
    "rstp.priority": 16,
    "rstp.port_number": 9,
    "rstp.admin_edge": True,
    "rstp.auto_edge": False,
    "rstp.admin_p2p_mac": AdminP2pMac.FORCE_TRUE,
    "mcast_snooping.flood": True,
    "mcast_snooping.flood_reports": True,
    "protected": True,
    "transient": True,
}
BALANCED: Values = {
    "bond.members": CARDS[:2],
    "bond.mode": BondMode.BALANCE_SLB,
    "bond.updelay_ms": 100,
    "bond.downdelay_ms": 200,
    "bond.rebalance_interval_ms": 2000,
    "bond.all_members_active": True,
}
NEGOTIATED: Values = {
    "bond.members": CARDS[2:],
    "bond.mode": BondMode.ACTIVE_BACKUP,
    "bond.lacp": Lacp.ACTIVE,
    "bond.lacp_time": LacpTime.FAST,
    "bond.lacp_fallback_ab": True,
    "bond.primary": CARDS[3],
}


_POLICERS: Mapping[str, Shown] = {
    "ingress_policing.rate_kbps": shaped("p-set", "rate", "1Mbit"),
    "ingress_policing.burst_kb": shaped("p-set", "burst", "100Kb"),
    "ingress_policing.kpkts_rate": shaped("p-qinq", "pkts_rate", "7000"),
    "ingress_policing.kpkts_burst": shaped("p-qinq", "pkts_burst", "5999"),
}
"""What Open vSwitch makes of policing in the kernel, with either datapath."""


def ovs_ports(workload: str, kind: DatapathType) -> Iterator[Specimen]:
    """With the kernel's datapath, policers are looked at in the kernel too, which has them all."""
    for made in _ovs_ports(workload):
        also = _POLICERS if kind is DatapathType.SYSTEM else {}
        shows = {
            path: shown.and_also(also[path]) if path in also else shown
            for path, shown in made.shows.items()
        }
        yield replace(made, shows=shows)


def _ovs_ports(workload: str) -> Iterator[Specimen]:
    yield _internal()
    yield _veth(workload)
    yield _ovs_port(
        "p-qinq",
        _peer(workload, "e-qinq")
        | {
            "vlan_mode": VlanMode.DOT1Q_TUNNEL,
            "tag": 8,
            "cvlans": (9,),
            "qinq_ethtype": QinqEthtype.DOT1Q,
            "ingress_policing.kpkts_rate": 7,
            "ingress_policing.kpkts_burst": 6,
        },
        (),
    )
    yield _tap("c-set")
    yield _patch()
    for name, values, leaves in (
        ("p-slb", BALANCED, ()),
        ("p-lacp", NEGOTIATED, ("bond.members", "bond.mode")),
    ):
        yield _bond(name, values, leaves)


def _ovs_port(
    name: str, values: Values, leaves: tuple[str, ...], shows: Mapping[str, Shown] | None = None
) -> Specimen:
    """Show the settings but for those that ``leaves`` leaves to others."""
    told = {"host": "h1", "interface": name, "bridge": "c-set", **values}
    found = settings_shown(name, PORT_TARGETS, told)
    shown = {path: each for path, each in found.items() if path not in leaves}
    return Specimen(Kind.PORT, name, told, {**shown, **(shows or {})})


def _internal() -> Specimen:
    values = {
        "type": PortType.INTERNAL,
        "mac": "0a:03:00:00:00:01",
        "mtu": 1400,
        "addresses": ("203.0.113.1/26",),
    }
    shows = {
        "mac": link("p-int", "address", expected="0a:03:00:00:00:01"),
        "mtu": link("p-int", "mtu", expected=1400),
        "addresses": address("p-int", "203.0.113.1/26"),
    }
    return _ovs_port("p-int", values, (), shows)


def _peer(workload: str, name: str) -> dict[str, Any]:
    return {"type": PortType.VETH, "peer.netns": workload, "peer.interface": name}


def _veth(workload: str) -> Specimen:
    values = _peer(workload, "e-set") | {
        **PORT_SETTINGS,
        "tag": 5,
        "trunks": (6, 7),
        "vlan_mode": VlanMode.NATIVE_UNTAGGED,
        "external_ids": {"vm-id": "seven"},
        "admin_state": AdminState.DOWN,
    }
    shows = {
        "host": row_is_there("Interface", "p-set"),
        "interface": row_is_there("Interface", "p-set"),
        "bridge": port_of("c-set", "p-set"),
        "type": link("p-set", "linkinfo", "info_kind", expected="veth"),
        "peer.netns": link("e-set", "linkinfo", "info_kind", expected="veth", workload=True),
        "peer.interface": link("e-set", "ifname", expected="e-set", workload=True),
        "tag": column("Port", "p-set", "tag", 5),
        "trunks": column("Port", "p-set", "trunks", frozenset({6, 7})),
        "vlan_mode": column("Port", "p-set", "vlan_mode", "native-untagged"),
        "external_ids": column("Interface", "p-set", "external_ids:vm-id", "seven"),
        "admin_state": flag("p-set", "UP", expected=False),
    }
    return _ovs_port("p-set", values, (), shows)


def _tap(bridge: str) -> Specimen:
    values = {"type": PortType.TAP, "tap_owner.uid": 40107, "tap_owner.gid": 40108}
    values |= {"host": "h1", "interface": "p-tap", "bridge": bridge}
    told = ("linkinfo", "info_data")
    shows = {
        "tap_owner.uid": link("p-tap", *told, "user", expected=40107),
        "tap_owner.gid": link("p-tap", *told, "group", expected=40108),
    }
    return Specimen(Kind.PORT, "p-tap", values, shows)


def _patch() -> Specimen:
    values = {
        "type": PortType.PATCH,
        "tag": 5,
        "patch.bridge": "c-flat",
        "patch.interface": "p-far",
        "patch.tag": 12,
    }
    shows = {
        "patch.bridge": port_of("c-flat", "p-far"),
        "patch.interface": column("Interface", "p-near", "options:peer", "p-far"),
        "patch.tag": column("Port", "p-far", "tag", 12),
    }
    return _ovs_port("p-near", values, (), shows)


def _bond(name: str, values: Values, leaves: tuple[str, ...]) -> Specimen:
    members = {"bond.members": interfaces_of(name, frozenset(values["bond.members"]))}
    shows = {} if "bond.members" in leaves else members
    return _ovs_port(name, {"type": PortType.BOND, **values}, leaves, shows)
