"""Rules of what bridges and ports can be told beyond where they are, and of further port types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.domain.intent import (
    BridgeSpec,
    BridgeType,
    Manifest,
    PortSpec,
    PortType,
    TunnelEnd,
    VethPeerSpec,
)
from controller.domain.settings import (
    AdminState,
    BondMode,
    BridgeMcastSnooping,
    BridgeRstp,
    BridgeStp,
    FailMode,
    IngressPolicing,
    Lacp,
    PatchSpec,
    PortRstp,
    PortSettings,
    PortStp,
    PriorityTags,
    Protocol,
    QinqEthtype,
    TapOwner,
    VlanMode,
)
from controller.domain.validation import plan_change
from tests.support.bridge_manifests import MEMBERS, at, bond, patch, told
from tests.support.model_fleet import (
    ModelFleet,
    bridge,
    host,
    pointed,
    port,
    segment,
    tunnel,
)
from tests.support.refusals import refused


@pytest.fixture
def fleet(fleet: ModelFleet) -> ModelFleet:
    """The small fleet, with two more bridges beside ``lan`` on h1."""
    fleet.apply(bridge("dmz", "h1"), bridge("wan", "h1"), bridge("far", "h2"))
    return fleet


@pytest.mark.parametrize(
    ("settings", "pointer", "code"),
    [
        ({"fail_mode": FailMode.SECURE}, "fail_mode", "fail_mode_secure"),
        (
            {"stp": BridgeStp(enabled=True), "rstp": BridgeRstp(enabled=True)},
            "stp/enabled",
            "stp_and_rstp",
        ),
        ({"stp": BridgeStp(priority=65_536)}, "stp/priority", "out_of_range"),
        ({"stp": BridgeStp(system_id="03:00:00:00:00:01")}, "stp/system_id", "invalid_mac"),
        ({"stp": BridgeStp(max_age_s=40)}, "stp/max_age_s", "timers_disagree"),
        ({"stp": BridgeStp(hello_time_s=10)}, "stp/max_age_s", "timers_disagree"),
        ({"rstp": BridgeRstp(forward_delay_s=4)}, "rstp/max_age_s", "timers_disagree"),
        ({"rstp": BridgeRstp(priority=4095)}, "rstp/priority", "not_in_steps"),
        (
            {"rstp": BridgeRstp(force_protocol_version=1)},
            "rstp/force_protocol_version",
            "unknown_protocol_version",
        ),
        (
            {"mcast_snooping": BridgeMcastSnooping(aging_time_s=14)},
            "mcast_snooping/aging_time_s",
            "out_of_range",
        ),
        ({"mac_aging_time_s": 3601}, "mac_aging_time_s", "out_of_range"),
        ({"mac_table_size": 9}, "mac_table_size", "out_of_range"),
        ({"hwaddr": "01:00:00:00:00:01"}, "hwaddr", "invalid_mac"),
        ({"datapath_id": "0" * 16}, "datapath_id", "invalid_datapath_id"),
        ({"datapath_id": "1f"}, "datapath_id", "invalid_datapath_id"),
    ],
)
def test_a_bridge_is_told_nothing_that_open_vswitch_would_not_do(
    fleet: ModelFleet, settings: dict[str, Any], pointer: str, code: str
) -> None:
    assert refused(fleet, told("new", **settings)) == [(f"/objects/0/spec/{pointer}", code)]


TAGGED = {"tag": 7}
NATIVE = {"vlan_mode": VlanMode.NATIVE_TAGGED}
SYSTEM = {"type": PortType.SYSTEM}


@pytest.mark.parametrize(
    ("spec", "settings", "pointer", "code"),
    [
        ({}, {"trunks": (4095,)}, "trunks", "tag_out_of_range"),
        (TAGGED, {"trunks": (8,)}, "trunks", "trunks_with_access"),
        (TAGGED, {"vlan_mode": VlanMode.TRUNK}, "tag", "tag_with_trunk"),
        ({}, {"vlan_mode": VlanMode.ACCESS}, "tag", "tag_missing"),
        ({}, NATIVE, "tag", "tag_missing"),
        (
            TAGGED,
            {**NATIVE, "priority_tags": PriorityTags.NEVER},
            "priority_tags",
            "not_in_vlan_mode",
        ),
        (
            TAGGED,
            {"vlan_mode": VlanMode.DOT1Q_TUNNEL, "trunks": (8,)},
            "trunks",
            "trunks_with_access",
        ),
        (TAGGED, {"cvlans": (8,)}, "cvlans", "not_in_vlan_mode"),
        ({}, {"qinq_ethtype": QinqEthtype.DOT1AD}, "qinq_ethtype", "not_in_vlan_mode"),
        (
            {},
            {"ingress_policing": IngressPolicing(burst_kb=80)},
            "ingress_policing/burst_kb",
            "burst_without_rate",
        ),
        (
            {},
            {"ingress_policing": IngressPolicing(kpkts_rate=0, kpkts_burst=8)},
            "ingress_policing/kpkts_burst",
            "burst_without_rate",
        ),
        (
            {},
            {"ingress_policing": IngressPolicing(rate_kbps=1000, kpkts_rate=8)},
            "ingress_policing/kpkts_rate",
            "policing_ambiguous",
        ),
        (
            {},
            {"ingress_policing": IngressPolicing(rate_kbps=-1)},
            "ingress_policing/rate_kbps",
            "out_of_range",
        ),
        ({}, {"stp": PortStp(path_cost=1)}, "stp", "setting_not_on_type"),
        (SYSTEM, {"stp": PortStp(port_number=0)}, "stp/port_number", "out_of_range"),
        (SYSTEM, {"rstp": PortRstp(priority=8)}, "rstp/priority", "not_in_steps"),
        (
            {},
            {"external_ids": {"ovsfleet-id": "x"}},
            "external_ids/ovsfleet-id",
            "external_id_reserved",
        ),
        ({}, {"external_ids": {"iface-id": "x"}}, "external_ids/iface-id", "external_id_reserved"),
        ({}, {"tap_owner": TapOwner(uid=107)}, "tap_owner", "setting_not_on_type"),
        ({}, {"patch": PatchSpec("dmz", "far-end")}, "patch", "setting_not_on_type"),
        ({"type": PortType.TAP}, {"tap_owner": TapOwner(uid=-1)}, "tap_owner/uid", "out_of_range"),
        (
            {"type": PortType.TAP, "addresses": ("10.0.0.9/24",)},
            {},
            "addresses",
            "addresses_not_settable",
        ),
        ({"type": PortType.PATCH}, {}, "patch", "patch_missing"),
        ({"type": PortType.BOND}, {}, "bond", "bond_missing"),
        ({**SYSTEM, "mac": "02:00:00:00:00:09"}, {}, "mac", "mac_not_settable"),
        ({**SYSTEM, "interface": "ovs-system"}, {}, "interface", "interface_reserved"),
    ],
)
def test_a_port_is_told_nothing_that_its_type_or_mode_ignores(
    fleet: ModelFleet,
    spec: dict[str, Any],
    settings: dict[str, Any],
    pointer: str,
    code: str,
) -> None:
    refusal = refused(fleet, at("lan", spec=spec, **settings))
    assert refusal == [(f"/objects/0/spec/{pointer}", code)]


@pytest.mark.parametrize(
    ("members", "fields", "pointer", "code"),
    [
        (("eth1",), {}, "members", "too_few_members"),
        (("eth1", "eth1", "eth2"), {}, "members", "member_twice"),
        (("eth1", "lo"), {}, "members", "interface_reserved"),
        (("eth1", "uplink"), {}, "members", "interface_taken"),
        (MEMBERS, {"mode": BondMode.BALANCE_TCP}, "lacp", "balance_tcp_needs_lacp"),
        (MEMBERS, {"lacp_fallback_ab": True}, "lacp_fallback_ab", "lacp_is_off"),
        (MEMBERS, {"primary": "eth3"}, "primary", "primary_not_a_member"),
        (
            MEMBERS,
            {"mode": BondMode.BALANCE_SLB, "primary": "eth1"},
            "primary",
            "not_in_bond_mode",
        ),
        (MEMBERS, {"rebalance_interval_ms": 5000}, "rebalance_interval_ms", "not_in_bond_mode"),
        (
            MEMBERS,
            {"mode": BondMode.BALANCE_SLB, "rebalance_interval_ms": 10},
            "rebalance_interval_ms",
            "out_of_range",
        ),
        (
            MEMBERS,
            {"mode": BondMode.BALANCE_SLB, "lacp": Lacp.ACTIVE, "all_members_active": True},
            "all_members_active",
            "not_in_bond_mode",
        ),
    ],
)
def test_a_bond_is_told_nothing_that_its_mode_ignores(
    fleet: ModelFleet, members: tuple[str, ...], fields: dict[str, Any], pointer: str, code: str
) -> None:
    refusal = refused(fleet, bond(members=members, **fields))
    assert refusal == [(f"/objects/0/spec/bond/{pointer}", code)]


def test_what_open_vswitch_can_do_is_accepted_and_brought_into_one_form(fleet: ModelFleet) -> None:
    fleet.apply(
        told(
            "full",
            stp=BridgeStp(enabled=True, priority=0, max_age_s=6, hello_time_s=1, forward_delay_s=4),
            rstp=BridgeRstp(),
            hwaddr="02-00-00-00-00-0A",
            datapath_id="00000000000000FF",
            protocols=(Protocol.OPENFLOW13, Protocol.OPENFLOW10, Protocol.OPENFLOW13),
        ),
        at("full", "trunk", trunks=(9, 0, 9), external_ids={"vm-id": "7"}, protected=True),
        at("full", "tunnel", {"tag": 7}, vlan_mode=VlanMode.DOT1Q_TUNNEL, cvlans=(2, 1)),
        bond(members=("eth2", "eth1"), mode=BondMode.BALANCE_TCP, lacp=Lacp.PASSIVE),
        port(
            "tap",
            "h1",
            type=PortType.TAP,
            segment="red",
            settings=PortSettings(tap_owner=TapOwner(gid=36), admin_state=AdminState.DOWN),
        ),
    )
    specs = {o.name: o.spec for o in fleet.objects.values()}
    full, trunk, bonded = specs["full"], specs["trunk"], specs["new"]
    assert isinstance(full, BridgeSpec)
    assert full.settings.rstp is None
    assert full.settings.hwaddr == "02:00:00:00:00:0a"
    assert full.settings.datapath_id == "00000000000000ff"
    assert full.settings.protocols == (Protocol.OPENFLOW10, Protocol.OPENFLOW13)
    assert isinstance(trunk, PortSpec)
    assert trunk.settings.trunks == (0, 9)
    assert isinstance(bonded, PortSpec)
    assert bonded.settings.bond is not None
    assert bonded.settings.bond.members == MEMBERS


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (PortSettings(protected=True), "protected"),
        (PortSettings(trunks=(1,)), "trunks"),
        (PortSettings(vlan_mode=VlanMode.ACCESS), "vlan_mode"),
    ],
)
def test_a_port_of_a_segment_stays_an_open_access_port(
    fleet: ModelFleet, settings: PortSettings, field: str
) -> None:
    refusal = refused(fleet, port("new", "h1", segment="red", settings=settings))
    assert ("/objects/0/spec/" + field, "setting_needs_bridge") in refusal


def test_a_host_without_open_vswitch_has_no_rows_to_say_anything_of(fleet: ModelFleet) -> None:
    fleet.apply(host("h3", "192.0.2.3", overlay_bridge_type=BridgeType.LINUX))
    tap = port("new", "h3", type=PortType.TAP, segment="red")
    assert refused(fleet, tap) == [("/objects/0/spec/type", "tap_needs_ovs")]
    veth = port(
        "new",
        "h3",
        type=PortType.VETH,
        peer=VethPeerSpec("guest", "eth0"),
        segment="red",
        settings=PortSettings(transient=True, admin_state=AdminState.DOWN),
    )
    assert refused(fleet, veth) == [("/objects/0/spec/transient", "setting_needs_ovs")]


@pytest.mark.parametrize(
    "taker",
    [
        bond("again", ("eth2", "eth9")),
        at("lan", "again", {"type": PortType.SYSTEM, "interface": "eth1"}),
        at("lan", "eth1"),
        replace(
            patch("again", "lan", "dmz"),
            spec=PortSpec(
                "h1",
                "eth2",
                PortType.PATCH,
                bridge="lan",
                settings=PortSettings(patch=PatchSpec("dmz", "x")),
            ),
        ),
    ],
)
def test_a_device_has_one_user_on_its_host(fleet: ModelFleet, taker: Manifest) -> None:
    fleet.apply(bond())
    ((pointer, code),) = refused(fleet, taker)
    assert pointer in ("/objects/0/spec/interface", "/objects/0/spec/bond/members")
    assert code == "interface_taken"


def test_a_device_that_a_bond_let_go_can_be_taken_in_the_same_request(fleet: ModelFleet) -> None:
    fleet.apply(bond())
    fleet.apply(
        bond(members=("eth1", "eth3")),
        at("dmz", "freed", {"type": PortType.SYSTEM, "interface": "eth2"}),
    )


# --- how many ------------------------------------------------------------------------------------


def veths(count: int) -> list[Manifest]:
    return [at("lan", f"v{n}", {"type": PortType.SYSTEM}) for n in range(count)]


def test_a_spanning_tree_has_at_most_255_ports(fleet: ModelFleet) -> None:
    running = told("lan", stp=BridgeStp(enabled=True))
    fleet.apply(*veths(255))
    fleet.apply(running)
    # An internal port takes no part; a patch and a tunnel do.
    fleet.apply(at("lan", "inside"))
    crowded = "too_many_stp_ports"
    assert refused(fleet, at("lan", spec=SYSTEM)) == [("/objects/0/spec/bridge", crowded)]
    assert refused(fleet, patch("p", "dmz", "lan"))[0][1] == crowded
    ends = TunnelEnd("h1", "lan"), TunnelEnd("h2", "far")
    assert refused(fleet, tunnel("t", *ends))[0][1] == crowded
    fleet.apply(told("lan"))
    fleet.apply(at("lan", spec=SYSTEM))
    assert refused(fleet, running) == [("/objects/0/spec/stp/enabled", crowded)]


def numbered(name: str, number: int | None, *, enabled: bool | None = None) -> Manifest:
    stp = PortStp(enabled=enabled, port_number=number)
    return at("lan", name, {"type": PortType.SYSTEM}, stp=stp)


def test_a_port_that_turned_stp_off_does_not_count(fleet: ModelFleet) -> None:
    fleet.apply(told("lan", stp=BridgeStp(enabled=True)), *veths(255))
    fleet.apply(numbered("quiet", None, enabled=False))


def test_all_ports_of_a_spanning_tree_have_a_number_of_their_own_or_none_has(
    fleet: ModelFleet,
) -> None:
    running = told("lan", stp=BridgeStp(enabled=True))
    fleet.apply(running, numbered("n1", 1), numbered("n2", 2), at("lan", "inside"))
    fleet.apply(numbered("off", None, enabled=False))
    field = "/objects/0/spec/stp/port_number"
    assert refused(fleet, numbered("n3", None)) == [(field, "stp_port_numbers_mixed")]
    assert refused(fleet, numbered("n3", 2)) == [(field, "stp_port_number_taken")]
    ends = TunnelEnd("h1", "lan"), TunnelEnd("h2", "far")
    assert refused(fleet, tunnel("t", *ends))[0][1] == "stp_port_numbers_mixed"
    fleet.apply(told("lan"))
    fleet.apply(numbered("n3", 2))
    at_bridge = "/objects/0/spec/stp/enabled"
    assert refused(fleet, running) == [(at_bridge, "stp_port_number_taken")]


def test_the_mtu_of_a_trunk_is_held_against_the_tunnels_whose_vlan_it_carries(
    fleet: ModelFleet,
) -> None:
    fleet.apply(tunnel("t", TunnelEnd("h1", "dmz", tag=9), TunnelEnd("h2", "far")))
    fleet.apply(at("dmz", "p8", trunks=(8,)), at("dmz", "eth5", SYSTEM))
    assert refused(fleet, at("dmz", "p9", trunks=(8, 9)))[0][1] == "mtu_exceeds_underlay"


def test_settings_that_did_not_change_leave_an_object_unchanged(fleet: ModelFleet) -> None:
    said = told("lan", stp=BridgeStp(priority=1))
    fleet.apply(said)
    assert plan_change(fleet.world(pointed([said]), []), pointed([said]), []).is_empty
    fleet.apply(segment("unrelated"))
