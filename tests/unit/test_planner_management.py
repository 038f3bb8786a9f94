"""What carries the connection to the controller, and which steps can cut it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import pytest

from agent.errors import ErrorKind, Failure
from agent.fragments import Neighbour
from agent.model import HostState, TapOwner
from agent.monitoring import OvsFlowExport, OvsMirror, OvsQos
from agent.observed import (
    FdbEntry,
    Link,
    ObservedState,
    OvsBridge,
    OvsInterface,
    OvsPort,
    Vxlan,
    Way,
)
from agent.planner import bridge_steps as bridging
from agent.planner import monitoring_ops as monitoring
from agent.planner import ops, plan, steps
from agent.planner.management import Touch, touches
from agent.planner.management_path import management_path
from agent.planner.plan import NetlinkStep, OvsdbOp, Plan, Stage, Step
from agent.safety import Grants
from agent.way_back import with_way_back

CONTROLLER, GATEWAY, OWN = "203.0.113.9", "192.0.2.1", "192.0.2.10"
PORT = "port:1"


def _way(device: str, **differences: str) -> Way:
    return replace(Way(CONTROLLER, device, OWN, GATEWAY), **differences)


def _row(name: str, kind: str = "", **options: str) -> OvsPort:
    return OvsPort(name, (OvsInterface(name, kind, options),))


def _links(*links: Link) -> dict[str, Link]:
    return {link.name: link for link in links}


ETH0, ETH1 = Link("eth0", 2, master="bond0"), Link("eth1", 3, master="bond0")
BOND = Link("bond0", 4, "bond", master="br-lan")
GUEST = Link("g0", 5, "veth", alias="ovsfleet:fleet-1:port:9", master="br-lan")
LAN = Link("br-lan", 6, "bridge")
VLAN = Link("br-lan.7", 7, "vlan", lower=6, addresses=frozenset({f"{OWN}/24"}))
STRANGER = Link("eth9", 9)
LOCAL = Link("br0", 10, "openvswitch")
OTHER = Link("mgmt0", 11, "openvswitch")


def _seen(links: Mapping[str, Link], *ways: Way, **rows: OvsBridge) -> ObservedState:
    return ObservedState(links=links, ways=frozenset(ways), bridges=rows)


LAYERED = _seen(_links(ETH0, ETH1, BOND, GUEST, LAN, VLAN, STRANGER), _way("br-lan.7"))
BR0 = OvsBridge(
    "br0",
    (
        _row("br0", "internal"),
        _row("mgmt0", "internal"),
        _row("vm7", "tap"),
        OvsPort("bond1", (OvsInterface("eth0"), OvsInterface("eth1"))),
        _row("to-br1", "patch", peer="to-br0"),
    ),
    mirrors=(OvsMirror("m", output_port="bond1"),),
)
BR1 = OvsBridge("br1", (_row("br1", "internal"), _row("to-br0", "patch", peer="to-br1")))
BR1 = replace(BR1, ports=(*BR1.ports, _row("eth2"), _row("t0", "vxlan", remote_ip="192.0.2.3")))
SWITCHED = ObservedState(
    links=_links(Link("eth0", 2), Link("eth1", 3), Link("eth2", 4), LOCAL, OTHER, STRANGER, GUEST),
    bridges={"br0": BR0, "br1": BR1, "br2": OvsBridge("br2", (_row("br2", "internal"),))},
    ways=frozenset({_way("mgmt0")}),
)


def _touched(observed: ObservedState, *done: Step) -> tuple[Touch, ...]:
    kernel = tuple(step for step in done if isinstance(step, NetlinkStep))
    rows = tuple(step for step in done if isinstance(step, OvsdbOp))
    stage = Stage(pre=kernel, ovsdb=rows)
    return touches(Plan((stage,)), management_path(observed), observed)


def test_the_path_leads_through_vlan_bridge_and_bond_to_the_cards_and_spares_guests() -> None:
    path = management_path(LAYERED)
    assert path.devices == {"br-lan.7", "br-lan", "bond0", "eth0", "eth1"}
    assert path.ovs_bridges == frozenset()


def test_the_path_leads_out_of_a_bridge_of_open_vswitch_by_every_port_and_patch() -> None:
    path = management_path(SWITCHED)
    assert path.ovs_bridges == {"br0", "br1"}
    ways_out = {"vm7", "eth0", "eth1", "to-br1", "to-br0", "eth2", "t0"}
    assert path.devices == {"mgmt0", *ways_out}


def test_a_card_that_was_plugged_with_its_address_is_on_the_path_with_its_bridge() -> None:
    links = _links(replace(ETH0, master="br-lan"), LAN, STRANGER)
    path = management_path(_seen(links, _way("eth0")))
    assert path.devices == {"eth0", "br-lan"}
    rows = {"br2": OvsBridge("br2", (_row("eth0"), _row("eth9")))}
    path = management_path(_seen(_links(Link("eth0", 2), STRANGER), _way("eth0"), **rows))
    assert (set(path.devices), set(path.ovs_bridges)) == ({"eth0"}, {"br2"})


def test_without_a_known_way_nothing_is_touched() -> None:
    unknown = replace(LAYERED, ways=frozenset())
    assert _touched(unknown, plan.SetLink(PORT, None, "eth0", up=False)) == ()


_QOS = OvsQos("linux-htb")
_BASE_PORT = BR0.ports[3]
_TOUCHING: tuple[tuple[Step, ObservedState], ...] = (
    (steps.CreateVeth(PORT, "eth0", "a", 1500, "ns", "e"), LAYERED),
    (steps.CreateVxlan(PORT, "eth0", "a", Vxlan(7), "", 1500), LAYERED),
    (steps.CreateLinuxBridge(PORT, "eth0", "a", "", 1500), LAYERED),
    (steps.CreateTap(PORT, "eth0", "a", 1500, TapOwner()), LAYERED),
    (steps.SetTapOwner(PORT, "eth0", TapOwner(), 2), LAYERED),
    (steps.AddFdb(PORT, "eth0", (FdbEntry("", ""),)), LAYERED),
    (steps.DeleteFdb(PORT, "eth0", (), 2), LAYERED),
    (steps.AddNeighbours(PORT, "eth0", (Neighbour("", ""),)), LAYERED),
    (steps.DeleteNeighbours(PORT, "eth0", (), 2), LAYERED),
    (steps.DeleteLink(PORT, "br-lan", 6, "a"), LAYERED),
    (steps.SetLink(PORT, None, "bond0", mtu=1400), LAYERED),
    (steps.AddAddress(PORT, None, "eth9", "203.0.113.1/24"), LAYERED),
    (steps.DeleteAddress(PORT, None, "eth9", f"{OWN}/24"), LAYERED),
    (bridging.SetBridgeAttributes(PORT, "br-lan", ()), LAYERED),
    (bridging.SetBridgePort(PORT, "bond0", ()), LAYERED),
    (bridging.SetBridgeVlans(PORT, "bond0", ()), LAYERED),
    (steps.SetVxlan(PORT, "eth0", 2, {}), LAYERED),
    (ops.AddBridge(PORT, "br0", "netdev", {}), SWITCHED),
    (ops.SetBridge(PORT, "br1", BR1, columns={"fail_mode": "secure"}), SWITCHED),
    (ops.DeleteBridge(PORT, "br1", BR1), SWITCHED),
    (ops.AddPort(PORT, "br2", _row("eth0")), SWITCHED),
    (ops.SetPort(PORT, "br0", "bond1", _BASE_PORT, columns={"tag": 7}), SWITCHED),
    (ops.BindPort(PORT, "br0", _row("vm7", "tap"), 7, 0, ""), SWITCHED),
    (ops.UnbindPort(PORT, "br0", _row("vm7", "tap"), None), SWITCHED),
    (ops.AddInterface(PORT, "br0", "bond1", OvsInterface("eth9")), SWITCHED),
    (ops.SetInterface(PORT, "eth1", OvsInterface("eth1"), columns={"mac": ""}), SWITCHED),
    (ops.DeleteInterface(PORT, "br0", "bond1", OvsInterface("eth1")), SWITCHED),
    (ops.DeletePort(PORT, "br0", "bond1", _BASE_PORT), SWITCHED),
    (monitoring.SetQos(PORT, "br0", "bond1", {}, _QOS), SWITCHED),
    (monitoring.AddMirror(PORT, "br1", OvsMirror("x", output_vlan=7)), SWITCHED),
    (monitoring.SetMirror(PORT, "br0", "m", {}, {"output_port": "vm7"}), SWITCHED),
    (monitoring.DeleteMirror(PORT, "br0", "m", {}), SWITCHED),
)
_HARMLESS: tuple[tuple[Step, ObservedState], ...] = (
    (monitoring.DeleteStrays(PORT, {}), SWITCHED),
    (monitoring.SetFlowExport(PORT, "sFlow", ("br0",), OvsFlowExport()), SWITCHED),
    (monitoring.ClearFlowExport(PORT, "sFlow", "br0", {}), SWITCHED),
    (steps.SetLink(PORT, None, "eth0", alias="ours"), LAYERED),
    (steps.SetLink(PORT, "ns0", "eth0", up=False), LAYERED),
    (steps.SetLink(PORT, None, "g0", master="br-lan", up=True), LAYERED),
    (steps.AddAddress(PORT, "ns0", "e0", "203.0.113.1/24"), LAYERED),
    (steps.AddAddress(PORT, None, "eth9", "198.51.100.1/24"), LAYERED),
    (ops.AddPort(PORT, "br0", _row("p9", "internal")), SWITCHED),
    (ops.AddPort(PORT, "br0", _row("g0")), SWITCHED),
    (ops.AddPort(PORT, "br2", _row("eth9")), SWITCHED),
    (ops.SetPort(PORT, "br0", "bond1", _BASE_PORT, external_ids={"a": "b"}), SWITCHED),
    (ops.SetBridge(PORT, "br2", OvsBridge("br2"), columns={"fail_mode": None}), SWITCHED),
)


def test_every_kind_of_step_has_its_case() -> None:
    kinds = {*get_args(NetlinkStep), *get_args(OvsdbOp)}
    told = {type(step) for step, _ in (*_TOUCHING, *_HARMLESS)}
    assert told == kinds


def test_what_changes_the_path_is_told_of() -> None:
    missed = [step for step, observed in _TOUCHING if not _touched(observed, step)]
    assert missed == []


def test_what_cannot_cut_the_connection_is_not_told_of() -> None:
    assert [step for step, observed in _HARMLESS if _touched(observed, step)] == []


def test_another_way_out_of_a_bridge_on_the_path_is_told_of() -> None:
    (touch,) = _touched(SWITCHED, ops.AddPort(PORT, "br1", _row("eth9")))
    assert touch == Touch(PORT, "add system port eth9 to bridge br1", has_way_back=True)
    assert _touched(LAYERED, steps.SetLink(PORT, None, "eth9", master="br-lan"))


# --- the way back --------------------------------------------------------------------------------

DIRECT = _seen(_links(Link("eth0", 2, addresses=frozenset({f"{OWN}/24"}))), _way("eth0"))
LINKED = replace(DIRECT, ways=frozenset({_way("eth0", gateway="")}))
IPV6 = replace(DIRECT, ways=frozenset({Way("2001:db8::9", "eth0", "2001:db8::1")}))
TWICE = replace(
    LINKED, links=_links(replace(DIRECT.links["eth0"], addresses=frozenset({f"{OWN}/24", "a/8"})))
)
STACKED = Link("mgmt0.7", 12, "vlan", lower=OTHER.ifindex)
OURS_STACKED = replace(STACKED, alias="ovsfleet:fleet-1:port:8")
THEIRS_UPON = {**SWITCHED.links, "mgmt0.7": STACKED}
OURS_UPON = {**SWITCHED.links, "mgmt0.7": OURS_STACKED}
UPON = frozenset({_way("mgmt0.7")})

_UNPLUG = ops.DeletePort(PORT, "br0", "mgmt0", _row("mgmt0", "internal"))
_REMAKE = ops.SetBridge(PORT, "br0", BR0, columns={"datapath_type": "netdev"})


@pytest.mark.parametrize(
    ("step", "observed", "has_way_back"),
    [
        (steps.SetLink(PORT, None, "eth0", master="br-x"), DIRECT, True),
        (steps.SetLink(PORT, None, "eth0", up=False), DIRECT, False),
        (steps.SetLink(PORT, None, "eth0", up=False), LINKED, False),
        (steps.SetLink(PORT, None, "eth0", up=False), IPV6, False),
        (steps.SetLink(PORT, None, "eth0", mtu=1200), IPV6, False),
        (steps.SetLink(PORT, None, "eth0", mtu=1280), IPV6, True),
        (steps.SetLink(PORT, None, "bond0", up=False), LAYERED, True),
        (steps.DeleteAddress(PORT, None, "eth0", f"{OWN}/24"), DIRECT, False),
        (steps.DeleteAddress(PORT, None, "eth0", f"{OWN}/24"), LINKED, False),
        (steps.DeleteAddress(PORT, None, "eth0", f"{OWN}/24"), TWICE, True),
        (steps.DeleteLink(PORT, "br-lan", 6, "a"), LAYERED, False),
        (_UNPLUG, SWITCHED, False),
        (
            _UNPLUG,
            replace(SWITCHED, links={**SWITCHED.links, "mgmt0.7": STACKED}, ways=UPON),
            False,
        ),
        (_UNPLUG, replace(SWITCHED, links=OURS_UPON, ways=UPON), True),
        (_REMAKE, SWITCHED, False),
        (_REMAKE, replace(SWITCHED, links=OURS_UPON, ways=UPON), True),
    ],
)
def test_there_is_a_way_back_as_long_as_nothing_of_others_goes_along(
    step: Step,
    observed: ObservedState,
    has_way_back: bool,
) -> None:
    (touch,) = _touched(observed, step)
    assert touch.has_way_back is has_way_back


def _failure(resource: str) -> Failure:
    return Failure(resource, ErrorKind.TRANSIENT, "DeviceMissing", "it is not there")


def _desired(*forced: str) -> HostState:
    grants = Grants(len(forced), frozenset(forced))
    return HostState("fleet-1", 1, 1, b"", "h", "alpha", grants=grants)


def test_a_resource_without_a_way_back_waits_and_the_others_go_on() -> None:
    down = steps.SetLink(PORT, None, "eth0", up=False)
    other = steps.SetLink("port:2", None, "eth9", mtu=1400)
    whole = Plan((Stage(post=(down, other)),), (_failure("port:2"),))
    held = with_way_back(whole, _desired(), DIRECT)
    assert held.stages == (Stage(post=(other,)),)
    failure, kept = held.failures
    assert (failure.resource, failure.reason) == (PORT, "NoWayBack")
    assert "203.0.113.9 is reached over eth0" in failure.message
    assert "ovsfleet release alpha --force" in failure.message
    assert kept == _failure("port:2")
    assert with_way_back(whole, _desired(PORT), DIRECT) == whole


def test_what_is_taken_over_with_its_differences_has_no_way_back() -> None:
    joined = Plan((Stage(post=(steps.SetLink(PORT, None, "eth0", mtu=1400),)),), ())
    assert with_way_back(joined, _desired(), DIRECT) == joined
    grants = Grants(1, adoptions={PORT: True})
    (failure,) = with_way_back(joined, replace(_desired(), grants=grants), DIRECT).failures
    assert "before it was taken over could not be brought back" in failure.message
    forced = replace(grants, forced=frozenset({PORT}))
    assert with_way_back(joined, replace(_desired(), grants=forced), DIRECT) == joined
