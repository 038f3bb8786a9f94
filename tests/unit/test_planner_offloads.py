"""Offloads: off on devices of ours whose bridge has a userspace datapath, and on no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.fragments import SegmentFragment, SegmentMember
from agent.model import (
    Backend,
    Bridge,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    VethPeer,
)
from agent.planner import make_plan
from tests.support.hosts import FLEET, OWN_HOST, bare_host
from tests.support.switch import Switch

USERSPACE = Bridge("bridge:u", "br-u", DatapathType.NETDEV)
KERNEL = Bridge("bridge:k", "br-k", DatapathType.SYSTEM)
WORKLOAD = Port("port:a", "p0", PortType.VETH, "br-k", peer=VethPeer("ns0", "e0"))
CARD = Port("port:c", "eth1", PortType.SYSTEM, "br-u", mtu=0)
FRAGMENT = SegmentFragment(
    b"s", "S", 10001, 8472, 1450, (SegmentMember(OWN_HOST, "h", "10.9.0.1"),)
)


def wanting(*ports: Port, bridges: tuple[Bridge, ...] = (USERSPACE, KERNEL)) -> HostState:
    return HostState(FLEET, 1, 1, b"x", OWN_HOST, OWN_HOST, bridges=bridges, ports=ports)


def settle(desired: HostState, switch: Switch) -> None:
    for _ in range(4):
        switch.run(make_plan(desired, switch.observed))
    assert make_plan(desired, switch.observed).is_empty


def bridge_of(port: str, switch: Switch) -> str:
    found = (b.name for b in switch.bridges.values() if port in {each.name for each in b.ports})
    return next(found, "")


def ends(switch: Switch) -> set[int]:
    near, far = switch.kernel.links["p0"], switch.kernel.peers["ns0", "e0"]
    return {near.ifindex, far.ifindex}


@pytest.mark.parametrize(("bridge", "is_fitted"), [("br-u", True), ("br-k", False)])
def test_it_is_the_ports_own_bridge_that_decides(bridge: str, is_fitted: bool) -> None:
    switch = Switch(bare_host())
    settle(wanting(replace(WORKLOAD, bridge=bridge), CARD), switch)
    assert switch.kernel.fitted == (ends(switch) if is_fitted else set())


@pytest.mark.parametrize("steps", range(1, 5))
def test_a_workload_that_moves_to_a_userspace_datapath_is_fitted_before_it_gets_there(
    steps: int,
) -> None:
    switch = Switch(bare_host())
    settle(wanting(WORKLOAD), switch)
    moved = wanting(replace(WORKLOAD, bridge="br-u"))
    switch.run(make_plan(moved, switch.observed), limit=steps)
    assert bridge_of("p0", switch) != "br-u" or switch.kernel.fitted == ends(switch)
    settle(moved, switch)
    assert switch.kernel.fitted == ends(switch)


def test_workloads_are_fitted_before_their_bridge_gets_a_userspace_datapath() -> None:
    switch = Switch(bare_host())
    settle(wanting(WORKLOAD), switch)
    changed = replace(KERNEL, datapath_type=DatapathType.NETDEV)
    settle(wanting(WORKLOAD, bridges=(changed,)), switch)
    assert switch.kernel.fitted == ends(switch)


@pytest.mark.parametrize("datapath", [DatapathType.NETDEV, DatapathType.SYSTEM])
def test_the_device_of_a_segment_is_fitted_on_a_userspace_datapath(datapath: DatapathType) -> None:
    switch = Switch(bare_host())
    desired = replace(
        wanting(),
        overlay=Bridge("overlay", "br-fleet", datapath),
        attachments=(SegmentAttachment("S", 5, b"s", Backend.KERNEL),),
        fragments={b"s": FRAGMENT},
    )
    settle(desired, switch)
    is_userspace = datapath is DatapathType.NETDEV
    device = switch.kernel.links["kx10001"].ifindex
    assert switch.kernel.fitted == ({device} if is_userspace else set())
