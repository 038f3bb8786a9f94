"""Rules of Linux bridges and of their ports: what is refused, and with what way out."""

from __future__ import annotations

from typing import Any

import pytest

from controller.domain.definitions import MirrorSpec, QosPolicySpec, QosType
from controller.domain.intent import (
    BridgeSpec,
    BridgeType,
    DatapathType,
    Kind,
    Manifest,
    PortType,
    TunnelEnd,
    VethPeerSpec,
)
from controller.domain.linux_bridge import (
    BridgePortSettings,
    BridgePortState,
    LinkLocalGroup,
    LinuxBridgeSettings,
)
from controller.domain.settings import (
    AdminState,
    BondSpec,
    BridgeMcastSnooping,
    BridgeSettings,
    BridgeStp,
    FailMode,
    IngressPolicing,
    PatchSpec,
    PortSettings,
    TapOwner,
    VlanMode,
)
from tests.support.bridge_manifests import at, bond, linux, patch
from tests.support.model_fleet import (
    ModelFleet,
    bridge,
    host,
    manifest,
    port,
    removal,
    segment,
    tunnel,
)
from tests.support.refusals import faults, refusal, refused

VETH = {"type": PortType.VETH, "peer": VethPeerSpec("guest", "eth0")}
TAP = {"type": PortType.TAP}
SYSTEM = {"type": PortType.SYSTEM}
BOND = {"type": PortType.BOND}


@pytest.fixture
def fleet(fleet: ModelFleet) -> ModelFleet:
    """The small fleet; on h1 Linux bridges with and without VLANs, and h3 without Open vSwitch."""
    fleet.apply(
        linux("plain"),
        linux("vlans", vlan_filtering=True),
        host("h3", "192.0.2.3", overlay_bridge_type=BridgeType.LINUX),
    )
    return fleet


def spec_of(fleet: ModelFleet, name: str) -> BridgeSpec:
    (found,) = (o.spec for o in fleet.of_kind(Kind.BRIDGE) if o.name == name)
    assert isinstance(found, BridgeSpec)
    return found


@pytest.mark.parametrize(
    ("settings", "field", "code"),
    [
        ({"vlan_default_pvid": 4095}, "vlan_default_pvid", "out_of_range"),
        ({"forward_delay_s": 31}, "forward_delay_s", "out_of_range"),
        ({"stp_state": True, "forward_delay_s": 1}, "forward_delay_s", "out_of_range"),
        ({"stp_state": True, "forward_delay_s": 4}, "max_age_s", "timers_disagree"),
        ({"stp_state": True, "hello_time_s": 10}, "max_age_s", "timers_disagree"),
        ({"hello_time_s": 0}, "hello_time_s", "out_of_range"),
        ({"priority": 65_536}, "priority", "out_of_range"),
        ({"mcast_query_interval_s": 0}, "mcast_query_interval_s", "out_of_range"),
        ({"mcast_igmp_version": 1}, "mcast_igmp_version", "out_of_range"),
        ({"group_fwd_mask": 0x0001}, "group_fwd_mask", "group_not_forwarded"),
        ({"group_fwd_mask": (LinkLocalGroup.LACP,)}, "group_fwd_mask", "group_not_forwarded"),
        ({"group_fwd_mask": -8}, "group_fwd_mask", "out_of_range"),
        ({"group_addr": "01:80:c2:00:00:02"}, "group_addr", "invalid_group_addr"),
        ({"group_addr": "02:00:00:00:00:01"}, "group_addr", "invalid_group_addr"),
    ],
)
def test_a_linux_bridge_is_told_nothing_that_the_kernel_would_not_do(
    fleet: ModelFleet, settings: dict[str, Any], field: str, code: str
) -> None:
    assert refused(fleet, linux("new", **settings)) == [(f"/objects/0/spec/linux/{field}", code)]


def test_without_stp_a_linux_bridge_may_forward_at_once(fleet: ModelFleet) -> None:
    fleet.apply(linux("new", stp_state=False, forward_delay_s=0, hello_time_s=10))
    fleet.apply(linux("new", stp_state=False, forward_delay_s=1))


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"stp": BridgeStp(enabled=True)}, "stp"),
        ({"mcast_snooping": BridgeMcastSnooping(enabled=False)}, "mcast_snooping"),
        ({"mac_aging_time_s": 300}, "mac_aging_time_s"),
        ({"hwaddr": "02:00:00:00:00:01"}, "hwaddr"),
        ({"forward_bpdu": True}, "forward_bpdu"),
    ],
)
def test_a_linux_bridge_is_told_nothing_of_open_vswitch(
    fleet: ModelFleet, settings: dict[str, Any], field: str
) -> None:
    new = bridge("new", "h1", type=BridgeType.LINUX, settings=BridgeSettings(**settings))
    assert refused(fleet, new) == [(f"/objects/0/spec/{field}", "setting_needs_ovs")]


def test_a_linux_bridge_has_no_datapath_and_no_controller_to_fail(fleet: ModelFleet) -> None:
    kind = {"type": BridgeType.LINUX, "datapath_type": DatapathType.NETDEV}
    assert refused(fleet, bridge("new", "h1", **kind)) == [
        ("/objects/0/spec/datapath_type", "setting_needs_ovs")
    ]
    secure = BridgeSettings(fail_mode=FailMode.SECURE)
    new = bridge("new", "h1", type=BridgeType.LINUX, settings=secure)
    assert ("/objects/0/spec/fail_mode", "setting_needs_ovs") in refused(fleet, new)


def test_a_bridge_of_open_vswitch_is_told_nothing_of_the_kernel(fleet: ModelFleet) -> None:
    told = BridgeSettings(linux=LinuxBridgeSettings(stp_state=True))
    assert refused(fleet, bridge("new", "h1", settings=told)) == [
        ("/objects/0/spec/linux", "setting_not_on_type")
    ]
    port_of_ovs = at("lan", spec=SYSTEM, bridge_port=BridgePortSettings(isolated=True))
    assert refused(fleet, port_of_ovs) == [
        ("/objects/0/spec/bridge_port", "setting_needs_linux_bridge")
    ]
    on_segment = PortSettings(bridge_port=BridgePortSettings(isolated=True))
    assert refused(fleet, port("new", "h1", segment="red", settings=on_segment)) == [
        ("/objects/0/spec/bridge_port", "setting_needs_bridge")
    ]


def test_what_is_said_of_a_linux_bridge_is_brought_into_one_form(fleet: ModelFleet) -> None:
    fleet.apply(linux("new", group_fwd_mask=0x4008, group_addr="01-80-C2-00-00-0E"))
    said = spec_of(fleet, "new").settings.linux
    assert said == LinuxBridgeSettings(
        group_fwd_mask=(LinkLocalGroup.DOT1X, LinkLocalGroup.LLDP), group_addr="01:80:c2:00:00:0e"
    )
    words = (LinkLocalGroup.LLDP, LinkLocalGroup.DOT1X, LinkLocalGroup.LLDP)
    again = linux("new", group_fwd_mask=words, group_addr="01:80:c2:00:00:0e")
    assert fleet.apply(again).is_empty
    fleet.apply(linux("bits", group_fwd_mask=0x4018), linux("none", group_fwd_mask=0))
    bits, none = (spec_of(fleet, name).settings.linux for name in ("bits", "none"))
    assert bits == LinuxBridgeSettings(group_fwd_mask=0x4018)
    assert none == LinuxBridgeSettings(group_fwd_mask=0)
    assert fleet.apply(linux("plain", group_fwd_mask=())).is_empty


def test_the_type_of_a_bridge_is_fixed(fleet: ModelFleet) -> None:
    assert refused(fleet, bridge("plain", "h1")) == [("/objects/0/spec/type", "immutable")]


# --- ports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (at("plain"), "internal_needs_ovs"),
        (at("plain", spec=BOND, bond=BondSpec(("eth1", "eth2"))), "bond_needs_ovs"),
        (patch("new", "plain", "lan"), "patch_needs_ovs"),
    ],
)
def test_ports_of_open_vswitch_are_none_of_a_linux_bridge(
    fleet: ModelFleet, new: Manifest, code: str
) -> None:
    assert refused(fleet, new) == [("/objects/0/spec/type", code)]


def test_neither_end_of_a_patch_is_at_a_linux_bridge(fleet: ModelFleet) -> None:
    far = at("lan", spec={"type": PortType.PATCH}, patch=PatchSpec("plain", "far-end"))
    assert refused(fleet, far) == [("/objects/0/spec/patch/bridge", "patch_needs_ovs")]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"protected": True}, "protected"),
        ({"ingress_policing": IngressPolicing(rate_kbps=1000)}, "ingress_policing"),
        ({"external_ids": {"vm-id": "7"}}, "external_ids"),
        ({"transient": True}, "transient"),
    ],
)
def test_a_port_of_a_linux_bridge_has_no_rows_to_say_anything_of(
    fleet: ModelFleet, settings: dict[str, Any], field: str
) -> None:
    refusal = refused(fleet, at("plain", spec=VETH, **settings))
    assert refusal == [(f"/objects/0/spec/{field}", "setting_needs_ovs")]


def test_nothing_of_a_linux_bridge_is_a_row_of_open_vswitchs_database(fleet: ModelFleet) -> None:
    fleet.apply(manifest(Kind.QOS_POLICY, "slow", QosPolicySpec(type=QosType.NOOP)))
    shaped = at("plain", spec={**VETH, "qos_policy": "slow"})
    assert refused(fleet, shaped) == [("/objects/0/spec/qos_policy", "setting_needs_ovs")]
    copies = MirrorSpec("h1", bridge="plain", output_vlan=7)
    mirror = manifest(Kind.MIRROR, "new", copies)
    assert ("/objects/0/spec/bridge", "mirror_needs_ovs") in refused(fleet, mirror)


@pytest.mark.parametrize(
    ("flags", "field", "code"),
    [
        ({"cost": 0}, "cost", "out_of_range"),
        ({"priority": 64}, "priority", "out_of_range"),
        ({"group_fwd_mask": (LinkLocalGroup.PAUSE,)}, "group_fwd_mask", "group_not_forwarded"),
    ],
)
def test_a_port_is_told_no_flags_that_the_kernel_would_not_take(
    fleet: ModelFleet, flags: dict[str, Any], field: str, code: str
) -> None:
    told = at("plain", spec=VETH, bridge_port=BridgePortSettings(**flags))
    assert refused(fleet, told) == [(f"/objects/0/spec/bridge_port/{field}", code)]


TAGGED = {**VETH, "tag": 7}


@pytest.mark.parametrize(
    ("new", "field", "code"),
    [
        (at("plain", spec=TAGGED), "tag", "vlan_filtering_off"),
        (at("plain", spec=VETH, trunks=(7, 8)), "trunks", "vlan_filtering_off"),
        (
            at("vlans", spec=TAGGED, vlan_mode=VlanMode.DOT1Q_TUNNEL),
            "vlan_mode",
            "not_on_linux_bridge",
        ),
        (at("vlans", spec=VETH, trunks=(0, 7)), "trunks", "tag_out_of_range"),
        (at("vlans", spec=VETH, vlan_mode=VlanMode.TRUNK), "trunks", "trunks_missing"),
        (at("vlans", spec=TAGGED, vlan_mode=VlanMode.NATIVE_TAGGED), "trunks", "trunks_missing"),
        (
            at("vlans", spec=VETH, vlan_mode=VlanMode.NATIVE_UNTAGGED, trunks=(7,)),
            "tag",
            "tag_missing",
        ),
    ],
)
def test_a_port_is_told_no_vlans_that_its_linux_bridge_would_not_keep_apart(
    fleet: ModelFleet, new: Manifest, field: str, code: str
) -> None:
    assert refused(fleet, new) == [(f"/objects/0/spec/{field}", code)]


def test_what_the_kernel_can_do_is_accepted(fleet: ModelFleet) -> None:
    flags = BridgePortSettings(isolated=True, state=BridgePortState.LISTENING, cost=7)
    native = {"vlan_mode": VlanMode.NATIVE_UNTAGGED, "trunks": (8, 9)}
    fleet.apply(
        at("vlans", "access", TAGGED, bridge_port=flags),
        at("vlans", "trunk", {**TAP, "mtu": 9000}, trunks=(7, 8), tap_owner=TapOwner(uid=107)),
        at("vlans", "nic", {**SYSTEM, "tag": 7}, **native),
        at("plain", "quiet", SYSTEM, admin_state=AdminState.DOWN),
        linux("far", "h3", mcast_snooping=False),
        port("tap", "h3", bridge="far", type=PortType.TAP),
    )


def test_a_bridge_keeps_vlans_apart_while_its_ports_name_some(fleet: ModelFleet) -> None:
    fleet.apply(at("vlans", "access", TAGGED))
    where = "/objects/0/spec/linux/vlan_filtering"
    assert refused(fleet, linux("vlans")) == [(where, "vlan_filtering_off")]
    fleet.apply(linux("vlans"), at("vlans", "access", VETH))


def test_no_port_is_told_to_block_what_the_kernel_would_forward(fleet: ModelFleet) -> None:
    blocking = BridgePortSettings(state=BridgePortState.BLOCKING)
    told = at("plain", "blocked", SYSTEM, bridge_port=blocking)
    assert refused(fleet, told) == [("/objects/0/spec/bridge_port/state", "state_not_kept")]


def test_either_stp_or_intent_chooses_the_state_of_a_port(fleet: ModelFleet) -> None:
    blocked = BridgePortSettings(state=BridgePortState.LISTENING)
    fleet.apply(at("plain", "blocked", SYSTEM, bridge_port=blocked))
    running = linux("plain", stp_state=True)
    where = "/objects/0/spec/linux/stp_state"
    assert refused(fleet, running) == [(where, "state_chosen_by_stp")]
    fleet.apply(running, at("plain", "blocked", SYSTEM))
    where = "/objects/0/spec/bridge_port/state"
    told = at("plain", "blocked", SYSTEM, bridge_port=blocked)
    assert refused(fleet, told) == [(where, "state_chosen_by_stp")]
    down = at("vlans", spec=SYSTEM, bridge_port=blocked, admin_state=AdminState.DOWN)
    assert refused(fleet, down) == [(where, "state_of_port_down")]


def test_a_port_does_not_move_between_open_vswitch_and_the_kernel(fleet: ModelFleet) -> None:
    fleet.apply(at("plain", "nic", SYSTEM))
    assert refused(fleet, at("lan", "nic", SYSTEM)) == [("/objects/0/spec/bridge", "immutable")]
    fleet.apply(at("vlans", "nic", SYSTEM))


def test_a_linux_bridge_has_room_for_as_many_ports_as_the_kernel_numbers(
    fleet: ModelFleet,
) -> None:
    fleet.apply(*(at("plain", f"nic{n}", SYSTEM) for n in range(1023)))
    code = "too_many_bridge_ports"
    assert refused(fleet, at("plain", "more", SYSTEM)) == [("/objects/0/spec/bridge", code)]
    fleet.apply(at("plain", "nic7", {**SYSTEM, "mtu": 9000}), at("vlans", "more", SYSTEM))


def test_a_device_has_one_master_whatever_kind_it_is_of(fleet: ModelFleet) -> None:
    fleet.apply(at("plain", "eth7", SYSTEM))
    taken = "interface_taken"
    assert refused(fleet, bond(members=("eth7", "eth8")))[0][1] == taken
    other = at("vlans", "other", {**SYSTEM, "interface": "eth7"})
    assert refused(fleet, other) == [("/objects/0/spec/interface", taken)]
    assert refused(fleet, linux("eth7")) == [("/objects/0/spec/interface", taken)]
    assert refused(fleet, linux("br-v77")) == [("/objects/0/spec/interface", "interface_reserved")]


def test_an_explicit_tunnel_ends_at_no_linux_bridge(fleet: ModelFleet) -> None:
    new = tunnel("new", TunnelEnd("h1", "plain"), TunnelEnd(ip="203.0.113.9"))
    assert refused(fleet, new) == [("/objects/0/spec/ends/0/bridge", "tunnel_needs_ovs")]


# --- hosts ---------------------------------------------------------------------------------------


def test_a_host_without_open_vswitch_has_linux_bridges_alone(fleet: ModelFleet) -> None:
    fleet.apply(linux("far", "h3"), port("nic", "h3", bridge="far", **SYSTEM))
    assert refused(fleet, bridge("new", "h3")) == [("/objects/0/spec/host", "host_without_ovs")]


def test_a_host_with_linux_bridges_alone_can_lose_open_vswitch(fleet: ModelFleet) -> None:
    fleet.apply(host("h4", "192.0.2.4"), linux("far", "h4"), segment("blue"))
    fleet.apply(host("h4", "192.0.2.4", overlay_bridge_type=BridgeType.LINUX))
    without = host("h1", "192.0.2.1", overlay_bridge_type=BridgeType.LINUX)
    error = refusal(lambda: fleet.apply(without))
    (told,) = (each.detail for each in error.violations if each.code == "host_without_ovs")
    assert "Bridge lan" in told
    assert "plain" not in told


def test_a_linux_bridge_with_ports_is_in_use(fleet: ModelFleet) -> None:
    fleet.apply(at("plain", "nic", SYSTEM))
    error = refusal(lambda: fleet.delete(removal(Kind.BRIDGE, "plain")))
    assert [code for _, code in faults(error)] == ["still_in_use"]
    fleet.delete(removal(Kind.PORT, "nic"), removal(Kind.BRIDGE, "plain"))
