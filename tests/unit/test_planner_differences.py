"""Each kind of step tells of a hand on the host, or is named among those that never do."""

from __future__ import annotations

from typing import get_args

import pytest

from agent.bridge_attributes import STATE, BridgeVlan
from agent.fragments import Neighbour
from agent.model import BOUND_KEY, TapOwner
from agent.monitoring import OvsFlowExport, OvsMirror, OvsQos
from agent.observed import FdbEntry, Link, ObservedState, OvsBridge, OvsInterface, OvsPort, Vxlan
from agent.planner.bridge_steps import SetBridgeAttributes, SetBridgePort, SetBridgeVlans
from agent.planner.differences import UNTOLD, Surroundings, differences
from agent.planner.plan import (
    AddAddress,
    AddBridge,
    AddFdb,
    AddInterface,
    AddMirror,
    AddNeighbours,
    AddPort,
    BindPort,
    ClearFlowExport,
    CreateLinuxBridge,
    CreateTap,
    CreateVeth,
    CreateVxlan,
    DeleteAddress,
    DeleteBridge,
    DeleteFdb,
    DeleteInterface,
    DeleteLink,
    DeleteMirror,
    DeleteNeighbours,
    DeletePort,
    NetlinkStep,
    OvsdbOp,
    SetBridge,
    SetFlowExport,
    SetInterface,
    SetLink,
    SetMirror,
    SetPort,
    SetQos,
    SetTapOwner,
    SetVxlan,
    Step,
)

R, B, P, D = "port:a", "br", "p", "d"
ROW = OvsInterface(P)
PORT = OvsPort(P, (ROW,))
BOUND = OvsPort(P, (ROW,), external_ids={BOUND_KEY: "any"})
BRIDGE = OvsBridge(B, (PORT,), mirrors=(OvsMirror("m"),))
EXPORT = OvsFlowExport()
ENTRIES = (FdbEntry("02:00:00:00:00:01", "192.0.2.1"),)
NEIGHBOURS = (Neighbour("192.0.2.9", "02:00:00:00:00:01"),)
LINK = Link(D, 7, vxlan=Vxlan(7))
AROUND = Surroundings(
    ObservedState(bridges={B: BRIDGE}, links={D: LINK}), ObservedState(links={D: LINK})
)
TELLING: tuple[Step, ...] = (
    AddBridge(R, B, "system", {}),
    SetBridge(R, B, BRIDGE, {"fail_mode": "secure"}),
    DeleteBridge(R, B, BRIDGE),
    AddPort(R, B, PORT),
    SetPort(R, B, P, PORT, {"tag": 2}),
    BindPort(R, B, BOUND, 2, 0, "any"),
    DeletePort(R, B, P, PORT),
    AddInterface(R, B, P, ROW),
    SetInterface(R, P, ROW, {"mac": "02:00:00:00:00:01"}),
    DeleteInterface(R, B, P, ROW),
    SetQos(R, B, P, {}, OvsQos("linux-htb")),
    AddMirror(R, B, OvsMirror("m")),
    SetMirror(R, B, "m", {}, {"select_all": True}),
    DeleteMirror(R, B, "m", {}),
    SetFlowExport(R, "sFlow", (B,), EXPORT),
    ClearFlowExport(R, "sFlow", B, {}),
    CreateVeth(R, D, "", 1500, "ns", "e0"),
    CreateVxlan(R, D, "", Vxlan(7), "", 1500),
    CreateLinuxBridge(R, D, "", "", 1500),
    CreateTap(R, D, "", 1500, TapOwner()),
    DeleteLink(R, D, 7, ""),
    SetLink(R, None, D, mtu=1400),
    SetTapOwner(R, D, TapOwner(1), 7),
    SetVxlan(R, D, 7, {"ttl": 9}),
    AddAddress(R, None, D, "192.0.2.1/24"),
    DeleteAddress(R, None, D, "192.0.2.1/24"),
    AddFdb(R, D, ENTRIES),
    DeleteFdb(R, D, ENTRIES, 7),
    AddNeighbours(R, D, NEIGHBOURS),
    DeleteNeighbours(R, D, NEIGHBOURS, 7),
    SetBridgeAttributes(R, D, (("IFLA_BR_PRIORITY", 1),)),
    SetBridgePort(R, D, (("IFLA_BRPORT_COST", 1),)),
    SetBridgeVlans(R, D, (BridgeVlan(7),)),
)


@pytest.mark.parametrize("step", TELLING, ids=lambda step: type(step).__name__)
def test_a_step_tells_what_it_would_undo(step: Step) -> None:
    (found,) = differences((step,), AROUND)
    assert found.intended != found.found


def test_no_kind_of_step_is_forgotten() -> None:
    kinds = {*get_args(OvsdbOp), *get_args(NetlinkStep)}
    told = {type(step) for step in TELLING}
    assert told | set(UNTOLD) == kinds
    assert not told & set(UNTOLD)


def test_what_is_made_in_the_place_of_what_goes_tells_for_both() -> None:
    other = OvsPort(P, (ROW,), tag=7)
    steps = (DeletePort(R, B, P, other), AddPort(R, B, PORT), DeleteLink(R, D, 7, ""))
    made = (*steps, CreateTap(R, D, "", 1500, TapOwner()))
    assert [str(each) for each in differences(made, AROUND)] == [
        "Port.tag is 7 instead of unset",
        "present is no instead of yes",
    ]
    assert "device d is yes instead of no" in map(str, differences(steps, AROUND))


def test_a_port_that_was_moved_to_another_bridge_tells_where_it_was() -> None:
    steps = (DeletePort(R, "elsewhere", P, PORT), AddPort(R, B, PORT))
    assert [str(each) for each in differences(steps, AROUND)] == [
        f"bridge is elsewhere instead of {B}"
    ]


def test_the_state_that_the_kernels_timer_moves_on_is_nobodys_doing() -> None:
    state = SetBridgePort(R, D, ((STATE, 1),))
    assert differences((state,), AROUND) == ()
    both = SetBridgePort(R, D, ((STATE, 1), ("IFLA_BRPORT_COST", 1)))
    assert [each.field for each in differences((both,), AROUND)] == ["IFLA_BRPORT_COST"]
