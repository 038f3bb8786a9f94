"""Specimens of Bridge and Port on a host without Open vSwitch, and where they are to be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from controller.domain.intent import BridgeType, Kind, PortType
from controller.domain.linux_bridge import (
    BridgePortState,
    LinkLocalGroup,
    McastRouter,
    VlanProtocol,
)
from controller.domain.settings import AdminState, VlanMode
from tests.support.conformance import Shown, Specimen
from tests.support.conformance_bridges import address, flag, link, vlans_of


class Said(NamedTuple):
    """A sample of a field, and the key and value that ip(8) has of it."""

    sample: Any
    key: str
    expected: object


BRIDGE: Mapping[str, Said] = {
    "vlan_filtering": Said(True, "vlan_filtering", 1),
    "vlan_protocol": Said(VlanProtocol.DOT1AD, "vlan_protocol", "802.1ad"),
    "vlan_default_pvid": Said(9, "vlan_default_pvid", 9),
    "vlan_stats_enabled": Said(True, "vlan_stats_enabled", 1),
    "stp_state": Said(True, "stp_state", 1),
    "forward_delay_s": Said(7, "forward_delay", 700),
    "hello_time_s": Said(1, "hello_time", 100),
    "max_age_s": Said(10, "max_age", 1000),
    "ageing_time_s": Said(60, "ageing_time", 6000),
    "priority": Said(4096, "priority", 4096),
    "mcast_snooping": Said(False, "mcast_snooping", 0),
    "mcast_querier": Said(True, "mcast_querier", 1),
    "mcast_router": Said(McastRouter.PERMANENT, "mcast_router", 2),
    "mcast_query_use_ifaddr": Said(True, "mcast_query_use_ifaddr", 1),
    "mcast_hash_max": Said(512, "mcast_hash_max", 512),
    "mcast_last_member_count": Said(7, "mcast_last_member_cnt", 7),
    "mcast_startup_query_count": Said(5, "mcast_startup_query_cnt", 5),
    "mcast_last_member_interval_s": Said(3, "mcast_last_member_intvl", 300),
    "mcast_membership_interval_s": Said(100, "mcast_membership_intvl", 10_000),
    "mcast_querier_interval_s": Said(101, "mcast_querier_intvl", 10_100),
    "mcast_query_interval_s": Said(102, "mcast_query_intvl", 10_200),
    "mcast_query_response_interval_s": Said(7, "mcast_query_response_intvl", 700),
    "mcast_startup_query_interval_s": Said(8, "mcast_startup_query_intvl", 800),
    "mcast_stats_enabled": Said(True, "mcast_stats_enabled", 1),
    "mcast_igmp_version": Said(3, "mcast_igmp_version", 3),
    "mcast_mld_version": Said(2, "mcast_mld_version", 2),
    "nf_call_iptables": Said(True, "nf_call_iptables", 1),
    "nf_call_ip6tables": Said(True, "nf_call_ip6tables", 1),
    "nf_call_arptables": Said(True, "nf_call_arptables", 1),
    "group_fwd_mask": Said((LinkLocalGroup.LLDP,), "group_fwd_mask", "0x4000"),
    "group_addr": Said("01:80:c2:00:00:0f", "group_addr", "01:80:c2:00:00:0f"),
}
PORT: Mapping[str, Said] = {
    "cost": Said(77, "cost", 77),
    "priority": Said(7, "priority", 7),
    "hairpin": Said(True, "hairpin", True),
    "guard": Said(True, "guard", True),
    "protect": Said(True, "root_block", True),
    "learning": Said(False, "learning", False),
    "unicast_flood": Said(False, "flood", False),
    "mcast_flood": Said(False, "mcast_flood", False),
    "bcast_flood": Said(False, "bcast_flood", False),
    "isolated": Said(True, "isolated", True),
    "neigh_suppress": Said(True, "neigh_suppress", True),
    "fast_leave": Said(True, "fastleave", True),
    "locked": Said(True, "locked", True),
    "group_fwd_mask": Said((LinkLocalGroup.LLDP,), "group_fwd_mask", "0x4000"),
    "mcast_router": Said(McastRouter.PERMANENT, "multicast_router", 2),
}
_UNTAGGED = frozenset({"PVID", "Egress Untagged"})


def _told(name: str, unasked: str, *path: str, expected: object) -> Shown:
    """What a device has, and one that was told nothing of it has not."""
    other = link(unasked, *path, expected=expected).read
    return link(name, *path, expected=expected).and_also(
        Shown(lambda system: other(system) != expected, expected=True)
    )


def linux_bridges() -> Iterator[Specimen]:
    fixed = {"host": "h1", "type": BridgeType.LINUX}
    told = {f"linux.{name}": said.sample for name, said in BRIDGE.items()}
    data = ("linkinfo", "info_data")
    shows = {
        "host": link("c-set", "ifname", expected="c-set"),
        "interface": link("c-set", "ifname", expected="c-set"),
        "type": link("c-set", "linkinfo", "info_kind", expected="bridge"),
        **{
            f"linux.{name}": _told("c-set", "c-flat", *data, said.key, expected=said.expected)
            for name, said in BRIDGE.items()
        },
    }
    yield Specimen(Kind.BRIDGE, "c-set", {**fixed, "interface": "c-set", **told}, shows)
    yield Specimen(Kind.BRIDGE, "c-flat", {**fixed, "interface": "c-flat"})
    spread = link("c-spread", "ifname", expected="c-spread")
    yield Specimen(Kind.HOST_GROUP, "here", {"selector": "site=here"}, {"selector": spread})
    of_group = {**fixed, "host": None, "host_group": "here", "interface": "c-spread"}
    yield Specimen(Kind.BRIDGE, "c-spread", of_group, {"host_group": spread})


def linux_ports(workload: str) -> Iterator[Specimen]:
    yield _veth(workload)
    yield _port("p-down", workload, {"admin_state": AdminState.DOWN}, _is_down())
    state = {"bridge_port.state": BridgePortState.LISTENING}
    seen = link("p-state", "linkinfo", "info_slave_data", "state", expected="listening")
    yield _port("p-state", workload, state, {"bridge_port.state": seen})
    owner = {"type": PortType.TAP, "tap_owner.uid": 40107, "tap_owner.gid": 40108}
    told = ("linkinfo", "info_data")
    yield Specimen(
        Kind.PORT,
        "p-tap",
        {"host": "h1", "interface": "p-tap", "bridge": "c-flat", **owner},
        {
            "tap_owner.uid": link("p-tap", *told, "user", expected=40107),
            "tap_owner.gid": link("p-tap", *told, "group", expected=40108),
        },
    )


def _is_down() -> dict[str, Shown]:
    return {"admin_state": flag("p-down", "UP", expected=False)}


def _port(
    name: str, workload: str, values: Mapping[str, Any], shows: Mapping[str, Shown]
) -> Specimen:
    """A veth pair at the bridge of which nothing is said."""
    far = {"type": PortType.VETH, "peer.netns": workload, "peer.interface": f"e{name[1:]}"}
    told = {"host": "h1", "interface": name, "bridge": "c-flat", **far, **values}
    return Specimen(Kind.PORT, name, told, shows)


def _veth(workload: str) -> Specimen:
    values = {
        "bridge": "c-set",
        "mac": "0a:03:00:00:00:01",
        "mtu": 1400,
        "addresses": ("203.0.113.1/26",),
        "tag": 5,
        "trunks": (6, 8),
        "vlan_mode": VlanMode.NATIVE_UNTAGGED,
        **{f"bridge_port.{name}": said.sample for name, said in PORT.items()},
    }
    vlans = vlans_of("p-set", {5: _UNTAGGED, 6: frozenset(), 8: frozenset()})
    slave = ("linkinfo", "info_slave_data")
    shows = {
        "host": link("p-set", "ifname", expected="p-set"),
        "interface": link("p-set", "ifname", expected="p-set"),
        "bridge": link("p-set", "master", expected="c-set"),
        "type": link("p-set", "linkinfo", "info_kind", expected="veth"),
        "peer.netns": link("e-set", "linkinfo", "info_kind", expected="veth", workload=True),
        "peer.interface": link("e-set", "ifname", expected="e-set", workload=True),
        "mac": link("e-set", "address", expected="0a:03:00:00:00:01", workload=True),
        "mtu": link("p-set", "mtu", expected=1400),
        "addresses": address("e-set", "203.0.113.1/26", workload=True),
        **dict.fromkeys(("tag", "trunks", "vlan_mode"), vlans),
        **{
            f"bridge_port.{name}": _told(
                "p-set", "p-down", *slave, said.key, expected=said.expected
            )
            for name, said in PORT.items()
        },
    }
    return _port("p-set", workload, values, shows)
