"""The in-memory switch against the real host: Linux bridges, and moves to them and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.model import Bridge, BridgeType, DatapathType, HostState, Port, PortType, VethPeer
from agent.observed import ObservedState
from agent.planner import make_plan, owed_releases, still_released
from tests.support.agent_contract import FLEET, MACS, RealHost, compare, on_real
from tests.support.netns import Namespace
from tests.support.ovs import OpenVSwitch

pytestmark = pytest.mark.integration

SWITCH = Bridge("bridge:1", "br1", DatapathType.NETDEV)
LINUX = Bridge(
    "bridge:2",
    "br2",
    DatapathType.UNKNOWN,
    type=BridgeType.LINUX,
    link_attributes={"IFLA_BR_PRIORITY": 4096, "IFLA_BR_GROUP_FWD_MASK": 0x4000},
)
TOLD = {"IFLA_BRPORT_COST": 7, "IFLA_BRPORT_ISOLATED": 1, "IFLA_BRPORT_GROUP_FWD_MASK": 0x4000}
CARD = Port("port:card", "eth1", PortType.SYSTEM, "br2", mtu=1400, bridge_port_attributes=TOLD)
TAP = Port("port:tap", "tap0", PortType.TAP, "br2", mtu=1450, bridge_port_attributes=TOLD)


def state(*ports: Port, bridges: tuple[Bridge, ...] = (SWITCH, LINUX)) -> HostState:
    return HostState(FLEET, 1, 1, b"1", "host-1", "h1", bridges=bridges, ports=ports)


def after(before: HostState, following: HostState) -> HostState:
    released = owed_releases(before, following)
    return replace(following, released=released, removed=_ids(before) - _ids(following))


def _ids(state: HostState) -> frozenset[str]:
    return frozenset({each.id for each in state.ports} | {each.id for each in state.bridges})


async def settle(real: RealHost, desired: HostState) -> ObservedState:
    """Run plans on both until nothing is left to do."""
    for _ in range(4):
        plan = make_plan(desired, await real.look())
        if plan.is_empty:
            assert plan.failures == (), plan.describe()
            seen = await real.look()
            assert not still_released(desired, seen)
            return seen
        await compare(real, plan)
    raise AssertionError(make_plan(desired, await real.look()).describe())


def test_bridges_and_their_ports_come_change_move_and_go_alike(
    ovs: OpenVSwitch, workload_netns: Namespace
) -> None:
    ovs.netns.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth1w")
    peer = VethPeer(workload_netns.name, "e0")
    veth = Port("port:veth", "ve0", PortType.VETH, "br2", mac=MACS[0], peer=peer)
    first = state(CARD, TAP, replace(veth, bridge_port_attributes=TOLD))
    plain = [replace(each, bridge_port_attributes={}) for each in (CARD, TAP)]
    changed = state(*plain, veth, bridges=(SWITCH, replace(LINUX, link_attributes={})))
    moved = state(*(replace(each, bridge="br1") for each in (*plain, veth)))
    without = state(bridges=())

    async def body(real: RealHost) -> None:
        seen = await settle(real, first)
        assert {seen.links[name].master for name in ("eth1", "tap0", "ve0")} == {"br2"}
        before = first
        for following in (changed, moved, first, moved, without):
            seen = await settle(real, after(before, following))
            before = following
        assert seen.bridges == {}
        assert set(seen.links) == {"eth1", "eth1w"}
        assert seen.links["eth1"].master == ""

    on_real(ovs.netns, ovs.remote, first, body)
