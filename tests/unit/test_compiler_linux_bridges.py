"""Linux bridges as their hosts are told of them: the kernel's names, in the kernel's units."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from ovsfleet.v1 import state_pb2

from agent import bridge_attributes
from controller.compiler import compile_host
from controller.compiler.linux_bridge import BRIDGE_ATTRIBUTES, PORT_ATTRIBUTES
from controller.domain.intent import BridgeType, PortType
from controller.domain.linux_bridge import (
    BridgePortSettings,
    BridgePortState,
    LinkLocalGroup,
    LinuxBridgeSettings,
    McastRouter,
    VlanProtocol,
)
from controller.domain.settings import VlanMode
from tests.support.bridge_manifests import at, linux
from tests.support.model_fleet import ModelFleet, host, port

HEADER = Path("/usr/include/linux/if_link.h")


def bridge_of(fleet: ModelFleet, name: str = "h1") -> state_pb2.Bridge:
    (found,) = compile_host(fleet.host_intent(name)).part.bridges
    return found


@pytest.fixture
def fleet() -> ModelFleet:
    fleet = ModelFleet()
    fleet.apply(host("h1", "192.0.2.1"))
    return fleet


def test_a_linux_bridge_is_named_and_nothing_is_said_of_what_intent_leaves_out(
    fleet: ModelFleet,
) -> None:
    fleet.apply(linux("lan"))
    told = bridge_of(fleet)
    expected = state_pb2.Bridge(id=told.id, name="lan", type=state_pb2.BRIDGE_TYPE_LINUX)
    assert told == expected


def test_settings_become_attributes_in_the_units_of_the_kernel(fleet: ModelFleet) -> None:
    fleet.apply(
        linux(
            "lan",
            vlan_filtering=True,
            vlan_protocol=VlanProtocol.DOT1AD,
            vlan_default_pvid=0,
            forward_delay_s=4,
            ageing_time_s=300,
            mcast_snooping=False,
            mcast_router=McastRouter.PERMANENT,
            mcast_query_interval_s=125,
            group_fwd_mask=(LinkLocalGroup.LLDP, LinkLocalGroup.DOT1X),
            group_addr="01:80:c2:00:00:0e",
        )
    )
    assert dict(bridge_of(fleet).link_attributes) == {
        "IFLA_BR_VLAN_FILTERING": 1,
        "IFLA_BR_VLAN_PROTOCOL": 0x88A8,
        "IFLA_BR_VLAN_DEFAULT_PVID": 0,
        "IFLA_BR_FORWARD_DELAY": 400,
        "IFLA_BR_AGEING_TIME": 30_000,
        "IFLA_BR_MCAST_SNOOPING": 0,
        "IFLA_BR_MCAST_ROUTER": 2,
        "IFLA_BR_MCAST_QUERY_INTVL": 12_500,
        "IFLA_BR_GROUP_FWD_MASK": 0x4008,
        "IFLA_BR_GROUP_ADDR": 0x0180C200000E,
    }


def test_a_port_of_a_linux_bridge_has_flags_and_vlans_and_no_rows(fleet: ModelFleet) -> None:
    flags = BridgePortSettings(state=BridgePortState.FORWARDING, isolated=True, hairpin=False)
    native = {"vlan_mode": VlanMode.NATIVE_TAGGED, "trunks": (8, 9), "bridge_port": flags}
    fleet.apply(
        linux("lan", vlan_filtering=True),
        at("lan", "nic", {"type": PortType.SYSTEM, "tag": 7}, **native),
    )
    (told,) = compile_host(fleet.host_intent("h1")).part.ports
    assert told == state_pb2.Port(
        id=told.id,
        interface="nic",
        type=state_pb2.PORT_TYPE_SYSTEM,
        bridge="lan",
        tag=7,
        trunks=(8, 9),
        vlan_mode="native-tagged",
        bridge_port_attributes={
            "IFLA_BRPORT_STATE": 3,
            "IFLA_BRPORT_ISOLATED": 1,
            "IFLA_BRPORT_MODE": 0,
        },
    )


def test_a_host_without_open_vswitch_is_told_of_its_linux_bridges(fleet: ModelFleet) -> None:
    fleet.apply(
        host("h3", "192.0.2.3", overlay_bridge_type=BridgeType.LINUX),
        linux("lan", "h3"),
        port("tap", "h3", bridge="lan", type=PortType.TAP),
    )
    assert bridge_of(fleet, "h3").type == state_pb2.BRIDGE_TYPE_LINUX
    (told,) = compile_host(fleet.host_intent("h3")).part.ports
    assert (told.bridge, told.mtu) == ("lan", 1500)


def test_every_attribute_is_one_of_the_kernels() -> None:
    known = set(re.findall(r"IFLA_BR(?:PORT)?_\w+", HEADER.read_text()))
    tables = (
        (BRIDGE_ATTRIBUTES, "linux", LinuxBridgeSettings),
        (
            PORT_ATTRIBUTES,
            "bridge_port",
            BridgePortSettings,
        ),
    )
    for table, group, settings in tables:
        assert {each.name for each in table.values()} <= known
        assert table.keys() == {f"{group}.{each.name}" for each in fields(settings)}


def test_an_agent_knows_every_attribute_that_it_is_told() -> None:
    assert {each.name for each in BRIDGE_ATTRIBUTES.values()} == set(bridge_attributes.BRIDGE)
    assert {each.name for each in PORT_ATTRIBUTES.values()} == set(bridge_attributes.PORT)
