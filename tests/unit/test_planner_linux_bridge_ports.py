"""Ports of explicit Linux bridges: in what order they are set up, and when they leave."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent.bridge_attributes import AGEING, FILTERING, ROOTS_TIMERS, BridgeVlan
from agent.model import (
    Bridge,
    BridgeType,
    DatapathType,
    HostState,
    Port,
    PortType,
    VethPeer,
)
from agent.netlink import bridge_links
from agent.netlink.wire import attribute
from agent.planner import make_plan, owed_releases, still_released
from agent.planner.plan import Plan
from tests.support.hosts import DEVICES, FLEET, OWN_HOST, bare_host
from tests.support.switch import Switch

OVS = Bridge("bridge:o", "br-o", DatapathType.NETDEV)
LAN = Bridge(
    "bridge:a",
    "br-a",
    DatapathType.UNKNOWN,
    type=BridgeType.LINUX,
    link_attributes={FILTERING: 1},
)
OPEN = replace(LAN, link_attributes={})
CARD = Port("port:card", "eth1", PortType.SYSTEM, "br-a", mtu=0, tag=30)
TAP = Port("port:tap", "tap0", PortType.TAP, "br-a", tag=30)
VETH = Port("port:veth", "ve0", PortType.VETH, "br-a", tag=30, peer=VethPeer("red", "e0"))
OWN_VLAN = frozenset({BridgeVlan(30, pvid=True, untagged=True)})
REFUSABLE = {"IFLA_BRPORT_LOCKED": 1}

each_kind = pytest.mark.parametrize("port", [CARD, TAP, VETH], ids=lambda port: port.type.value)


def state(*ports: Port, bridges: tuple[Bridge, ...] = (OVS, LAN), **other: Any) -> HostState:
    return HostState(FLEET, 1, 1, b"any", OWN_HOST, OWN_HOST, bridges=bridges, ports=ports, **other)


def host(told: HostState | None = None) -> Switch:
    up = {**DEVICES, "eth1": replace(DEVICES["eth1"], up=True)}
    switch = Switch(bare_host(links=up, namespaces=frozenset({"red"})))
    if told is not None:
        for _ in range(4):
            switch.run(make_plan(told, switch.observed))
    return switch


def _less_one(plan: Plan) -> Plan:
    """Without its first step, or transaction."""
    stage, *others = plan.stages
    if stage.pre:
        rest = replace(stage, pre=stage.pre[1:])
    elif stage.ovsdb:
        rest = replace(stage, ovsdb=())
    else:
        rest = replace(stage, post=stage.post[1:])
    return replace(plan, stages=(rest, *others) if any(rest.steps()) else tuple(others))


def watched(before: HostState | None, desired: HostState, port: Port) -> None:
    """At no moment is the port up where its bridge has it in another VLAN than its own."""
    switch = host(before)
    for _ in range(3):
        plan = make_plan(desired, switch.observed)
        while plan.stages:
            switch.run(plan, limit=1)
            plan = _less_one(plan)
            link = switch.kernel.links.get(port.interface)
            bridge = switch.kernel.links.get("br-a")
            if link is None or bridge is None or not link.up or link.master != "br-a":
                continue
            if bridge.bridge_attributes.get(FILTERING):
                assert link.vlans == OWN_VLAN
    assert make_plan(desired, switch.observed).is_empty
    link = switch.kernel.links[port.interface]
    assert (link.up, link.master, link.vlans) == (not port.admin_down, "br-a", OWN_VLAN)


@each_kind
def test_a_port_is_never_up_in_the_vlan_of_the_bridges_own(port: Port) -> None:
    watched(None, state(port), port)
    watched(None, state(replace(port, admin_down=True)), replace(port, admin_down=True))


@each_kind
def test_nor_is_one_that_comes_from_a_bridge_of_open_vswitch(port: Port) -> None:
    watched(state(replace(port, bridge="br-o")), state(port), port)


@each_kind
def test_a_bridge_filters_only_once_its_ports_are_in_their_vlans(port: Port) -> None:
    before = state(replace(port, tag=0), bridges=(OVS, OPEN))
    watched(before, state(port), port)


@each_kind
def test_a_port_of_which_an_attribute_is_refused_is_in_its_vlans_and_up(port: Port) -> None:
    told = replace(port, bridge_port_attributes=REFUSABLE)
    switch = host()
    switch.refuses = lambda step: "LOCKED" in step.describe()
    switch.run(make_plan(state(told), switch.observed))
    link = switch.kernel.links[port.interface]
    assert (link.up, link.master, link.vlans) == (True, "br-a", OWN_VLAN)


def test_a_bridge_of_which_an_attribute_is_refused_filters_all_the_same() -> None:
    switch = host(state(bridges=(OPEN,)))
    switch.refuses = lambda step: "PRIORITY" in step.describe()
    told: Mapping[str, int] = {FILTERING: 1, "IFLA_BR_PRIORITY": 1}
    desired = state(bridges=(replace(LAN, link_attributes=told),))
    switch.run(make_plan(desired, switch.observed))
    assert switch.kernel.links["br-a"].bridge_attributes == {FILTERING: 1}


def test_a_card_stays_on_its_bridge_until_its_next_place_can_be() -> None:
    first = state(CARD)
    switch = host(first)
    nowhere = Bridge("bridge:n", "br-n", DatapathType.UNKNOWN)
    moved = state(replace(CARD, bridge="br-n", tag=0), bridges=(LAN, nowhere))
    moved = replace(moved, released=owed_releases(first, moved))
    plan = make_plan(moved, switch.observed)
    assert plan.is_empty, plan.describe()
    assert (CARD.id, "BridgeFailed") in {(each.resource, each.reason) for each in plan.failures}
    back = state(replace(CARD, bridge="br-o", tag=0))
    back = replace(back, released=moved.released | owed_releases(moved, back))
    for _ in range(3):
        switch.run(make_plan(back, switch.observed))
    assert switch.kernel.links["eth1"].master == ""
    assert "eth1" in {port.name for port in switch.bridges["br-o"].ports}


# --- what a spanning tree and the kernel's ticks make of timers ---------------------------------


def test_a_bridge_that_follows_another_root_gets_its_own_timers_when_it_is_the_root() -> None:
    timers = {"IFLA_BR_HELLO_TIME": 100, "IFLA_BR_STP_STATE": 1}
    before = state(bridges=(replace(LAN, link_attributes={"IFLA_BR_STP_STATE": 1}),))
    switch = host(before)
    assert switch.kernel.links["br-a"].hidden == ROOTS_TIMERS
    desired = state(bridges=(replace(LAN, link_attributes=timers),))
    assert make_plan(desired, switch.observed).is_empty
    root = state(bridges=(replace(LAN, link_attributes={**timers, "IFLA_BR_PRIORITY": 0}),))
    for _ in range(2):
        switch.run(make_plan(root, switch.observed))
    assert switch.kernel.links["br-a"].bridge_attributes["IFLA_BR_HELLO_TIME"] == 100
    assert make_plan(root, switch.observed).is_empty


def test_timers_that_a_bridge_shall_not_have_any_more_are_given_back_once_it_is_the_root() -> None:
    told = {"IFLA_BR_HELLO_TIME": 100, "IFLA_BR_STP_STATE": 1}
    first = state(bridges=(replace(LAN, link_attributes=told),))
    switch = host(first)
    second = state(bridges=(replace(LAN, link_attributes={"IFLA_BR_STP_STATE": 1}),))
    second = replace(second, released=owed_releases(first, second))
    assert make_plan(second, switch.observed).is_empty
    third = state(bridges=(OPEN,))
    owed = still_released(second, switch.observed) | owed_releases(second, third)
    third = replace(third, released=owed)
    for _ in range(2):
        switch.run(make_plan(third, switch.observed))
    assert switch.kernel.links["br-a"].bridge_attributes == {}
    assert make_plan(third, switch.observed).is_empty


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IFLA_BR_HELLO_TIME", 203),
        ("IFLA_BR_AGEING_TIME", 30001),
        ("IFLA_BR_MCAST_QUERY_INTVL", 333),
        ("IFLA_BR_MCAST_QUERY_INTVL", 50),
    ],
)
def test_an_interval_that_the_kernel_rounds_is_written_once_and_given_back(
    name: str, value: int
) -> None:
    first = state(bridges=(replace(LAN, link_attributes={name: value}),))
    switch = host(first)
    assert make_plan(first, switch.observed).is_empty
    bare = state(bridges=(OPEN,))
    bare = replace(bare, released=owed_releases(first, bare))
    switch.run(make_plan(bare, switch.observed))
    assert switch.kernel.links["br-a"].bridge_attributes == {}


def test_what_this_kernel_does_not_know_is_said_and_not_tried_again() -> None:
    told = {"IFLA_BRPORT_LOCKED": 1, "IFLA_BRPORT_ISOLATED": 1}
    port = replace(TAP, tag=0, bridge_port_attributes=told)
    attributes = {"IFLA_BR_MCAST_STATS_ENABLED": 1, "IFLA_BR_PRIORITY": 1}
    switch = host(state(replace(port, bridge_port_attributes={}), bridges=(OPEN,)))
    for name in ("br-a", "tap0"):
        lacks = frozenset({"IFLA_BRPORT_LOCKED", "IFLA_BR_MCAST_STATS_ENABLED"})
        switch.kernel.links[name] = replace(switch.kernel.links[name], lacks=lacks)
    desired = state(port, bridges=(replace(OPEN, link_attributes=attributes),))
    switch.run(make_plan(desired, switch.observed))
    plan = make_plan(desired, switch.observed)
    assert plan.is_empty, plan.describe()
    said = {each.resource: (each.reason, each.message.split()[5]) for each in plan.failures}
    assert said == {
        LAN.id: ("NotSupported", "IFLA_BR_MCAST_STATS_ENABLED;"),
        TAP.id: ("NotSupported", "IFLA_BRPORT_LOCKED;"),
    }


@pytest.mark.parametrize(("own", "follows"), [(b"\x10\0other!", False), (b"\x80\0mine!!", True)])
def test_a_bridge_follows_whoever_has_another_id_than_its_own(own: bytes, follows: bool) -> None:
    root = attribute(10, b"\x10\0other!")
    hello = attribute(2, (300).to_bytes(4, sys.byteorder))
    info = {2: root + attribute(11, own) + hello}
    hidden = bridge_links.hidden(info)
    assert hidden == (ROOTS_TIMERS if follows else frozenset())
    seen = bridge_links.of_bridge(info, hidden)
    assert seen == ({} if follows else {"IFLA_BR_HELLO_TIME": 300})


@pytest.mark.parametrize("changes", [False, True])
def test_the_short_ageing_of_a_tree_that_changes_is_nobodys_doing(changes: bool) -> None:
    same = b"\x10\0mine!!"
    ageing = attribute(4, (1400).to_bytes(4, sys.byteorder))
    told = attribute(10, same) + attribute(11, same) + attribute(14, bytes([changes])) + ageing
    seen = bridge_links.of_bridge({2: told}, bridge_links.hidden({2: told}))
    assert seen == ({} if changes else {AGEING: 1400})
    lan = replace(LAN, link_attributes={AGEING: 6000})
    desired = state(bridges=(lan,))
    switch = host(desired)
    link = replace(switch.kernel.links["br-a"], bridge_attributes={AGEING: 1400})
    switch.kernel.links["br-a"] = replace(link, hidden=frozenset({AGEING} if changes else ()))
    assert make_plan(desired, switch.observed).is_empty is changes
