"""Ports that a hypervisor plugs: how they are found, bound and let go of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from agent.errors import ErrorKind
from agent.fragments import SegmentFragment, SegmentMember
from agent.model import (
    BOUND_KEY,
    BOUND_MTU_KEY,
    OWNER_KEY,
    Backend,
    Bridge,
    BridgeType,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
)
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, OvsPort
from agent.planner import make_plan, still_owed
from agent.planner.plan import BindPort, SetLink, UnbindPort
from tests.support.hosts import FLEET, OTHER_FLEET, OVERLAY, OWN_HOST, bare_host
from tests.support.switch import Switch

FRAGMENT = SegmentFragment(
    b"f", "S", 10001, 4789, 1450, (SegmentMember(OWN_HOST, OWN_HOST, "192.0.2.1"),)
)
GUEST = Port("port:g", "", PortType.BOUND, "br-fleet", 11, mtu=1400, iface_id="vif-1")
MARK = f"{FLEET}/port:g"


def desired(
    *ports: Port, removed: frozenset[str] = frozenset(), **differences: object
) -> HostState:
    state = HostState(
        FLEET,
        1,
        1,
        b"any",
        OWN_HOST,
        OWN_HOST,
        overlay=OVERLAY,
        ports=ports,
        attachments=(SegmentAttachment("S", 11, b"f"),),
        fragments={b"f": FRAGMENT},
        removed=removed,
    )
    return replace(state, **differences)  # type: ignore[arg-type]


def tap(name: str, iface_id: str = "vif-1", **columns: object) -> OvsPort:
    ids = {"iface-id": iface_id, "attached-mac": "02:00:00:00:00:09"}
    return OvsPort(name, (OvsInterface(name, external_ids=ids),), **columns)  # type: ignore[arg-type]


def plugged(*ports: OvsPort, bridge: str = "br-fleet") -> Switch:
    """A host with the segment, into which somebody plugs ``ports``."""
    switch = Switch(bare_host())
    switch.run(make_plan(desired(), switch.observed))
    plug(switch, *ports, bridge=bridge)
    return switch


def plug(switch: Switch, *ports: OvsPort, bridge: str = "br-fleet") -> None:
    row = switch.bridges.get(bridge, OvsBridge(bridge, datapath_type="netdev"))
    switch.bridges[bridge] = replace(row, ports=(*row.ports, *ports))
    for each in ports:
        index = switch.kernel.next_index()
        switch.kernel.links[each.name] = Link(each.name, index, "tun", up=True)
    switch.reconfigure()


def row(switch: Switch, name: str) -> OvsPort:
    found = {port.name: port for bridge in switch.bridges.values() for port in bridge.ports}
    return found[name]


def reasons(state: HostState, observed: ObservedState) -> list[tuple[ErrorKind, str]]:
    return [(each.kind, each.reason) for each in make_plan(state, observed).failures]


def test_a_port_that_is_plugged_gets_the_tag_the_mtu_and_the_mark_in_one_step() -> None:
    switch = plugged(tap("tap1"), tap("tap2", "vif-2"))
    before = row(switch, "tap1")
    plan = make_plan(desired(GUEST), switch.observed)
    assert [list(stage.steps()) for stage in plan.stages] == [
        [BindPort("port:g", "br-fleet", before, 11, 1400, MARK)]
    ]
    switch.run(plan)
    assert make_plan(desired(GUEST), switch.observed).describe() == ()
    assert row(switch, "tap1") == replace(
        before,
        tag=11,
        external_ids={BOUND_KEY: MARK},
        interfaces=(replace(before.interfaces[0], mtu_request=1400),),
    )
    assert switch.kernel.links["tap1"].mtu == 1400
    assert row(switch, "tap2").tag is None


@pytest.mark.parametrize(
    ("ports", "bridge", "expected"),
    [
        ((), "br-fleet", (ErrorKind.TRANSIENT, "NotPlugged")),
        ((tap("tap1"),), "br-int", (ErrorKind.CONFLICT, "PluggedElsewhere")),
        ((tap("tap1"), tap("tap2")), "br-fleet", (ErrorKind.CONFLICT, "IfaceIdTwice")),
        (
            (tap("tap1", vlan_mode="trunk"),),
            "br-fleet",
            (ErrorKind.CONFLICT, "PortHasVlanMode"),
        ),
        (
            (tap("tap1", trunks=frozenset({3})),),
            "br-fleet",
            (ErrorKind.CONFLICT, "PortHasVlanMode"),
        ),
        (
            (tap("tap1", external_ids={BOUND_KEY: f"{OTHER_FLEET}/port:g"}),),
            "br-fleet",
            (ErrorKind.CONFLICT, "BoundByOtherFleet"),
        ),
        (
            (tap("tap1", external_ids={OWNER_KEY: OTHER_FLEET}),),
            "br-fleet",
            (ErrorKind.CONFLICT, "BoundByOtherFleet"),
        ),
    ],
)
def test_what_is_in_the_way_is_told_and_nothing_is_written(
    ports: tuple[OvsPort, ...], bridge: str, expected: tuple[ErrorKind, str]
) -> None:
    switch = plugged(*ports, bridge=bridge)
    assert reasons(desired(GUEST), switch.observed) == [expected]
    assert make_plan(desired(GUEST), switch.observed).is_empty


def test_a_trunk_that_is_told_to_be_an_access_port_is_bound() -> None:
    switch = plugged(tap("tap1", vlan_mode="access", trunks=frozenset({3})))
    assert make_plan(desired(GUEST), switch.observed).failures == ()


def test_two_ports_of_intent_for_one_iface_id_have_no_better_right_to_it() -> None:
    switch = plugged(tap("tap1"))
    state = desired(GUEST, replace(GUEST, id="port:h"))
    assert reasons(state, switch.observed) == [(ErrorKind.INVALID, "NameNotUnique")] * 2
    assert make_plan(state, switch.observed).is_empty


def test_a_host_without_tags_cannot_bind() -> None:
    attachment = SegmentAttachment("S", 0, b"f", Backend.KERNEL, "br-v1")
    state = desired(replace(GUEST, bridge="br-v1"), overlay=None, attachments=(attachment,))
    assert (ErrorKind.UNSUPPORTED, "BoundNeedsOvs") in reasons(state, bare_host())
    linux = Bridge("bridge:l", "br-l", DatapathType.NETDEV, type=BridgeType.LINUX)
    state = desired(replace(GUEST, bridge="br-l"), bridges=(linux,))
    assert (ErrorKind.UNSUPPORTED, "BoundNeedsOvs") in reasons(state, bare_host())


def test_what_somebody_changed_of_a_bound_port_is_put_back() -> None:
    switch = plugged(tap("tap1"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    bound = row(switch, "tap1")
    for changed in (replace(bound, tag=99), replace(bound, external_ids={})):
        switch._rows.put_port("br-fleet", changed)
        switch.run(make_plan(desired(GUEST), switch.observed))
        put_back = row(switch, "tap1")
        assert put_back.external_ids.get(BOUND_KEY) == MARK
        assert replace(put_back, external_ids={}) == replace(bound, external_ids={})
    switch.kernel.links["tap1"] = replace(switch.kernel.links["tap1"], mtu=1500)
    (stage,) = make_plan(desired(GUEST), switch.observed).stages
    (step,) = stage.steps()
    assert isinstance(step, SetLink)
    assert (step.name, step.mtu) == ("tap1", 1400)


def test_a_bound_port_that_open_vswitch_cannot_use_is_told() -> None:
    switch = plugged(tap("tap1"))
    del switch.kernel.links["tap1"]
    switch.start_vswitchd()
    switch.run(make_plan(desired(GUEST), switch.observed))
    assert make_plan(desired(GUEST), switch.observed).is_empty
    assert reasons(desired(GUEST), switch.observed) == [(ErrorKind.DATAPATH, "InterfaceError")]


TAKEN = (ErrorKind.CONFLICT, "LocalVlanTaken")


def test_a_port_in_the_vlan_of_its_segment_is_no_stranger_there() -> None:
    switch = plugged(tap("tap1", tag=11))
    switch.run(make_plan(desired(GUEST), switch.observed))
    assert make_plan(desired(GUEST), switch.observed).describe() == ()
    plug(switch, tap("tap2"))  # what is in the way of binding it anew does not make it one
    assert reasons(desired(GUEST), switch.observed) == [(ErrorKind.CONFLICT, "IfaceIdTwice")]


def test_a_port_that_intent_has_forgotten_is_a_stranger_to_whatever_has_its_vlan() -> None:
    switch = plugged(tap("tap1"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    other = replace(FRAGMENT, hash=b"t", segment_uid="T", vni=10002)
    state = desired(attachments=(SegmentAttachment("T", 11, b"t"),), fragments={b"t": other})
    assert reasons(state, switch.observed) == [(ErrorKind.CONFLICT, "NotRemoved"), TAKEN]


def test_a_port_that_cannot_follow_to_its_new_vlan_is_a_stranger_in_the_old_one() -> None:
    switch = plugged(tap("tap1"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    plug(switch, tap("tap2"))
    state = desired(replace(GUEST, tag=12))
    assert sorted(reasons(state, switch.observed)) == [(ErrorKind.CONFLICT, "IfaceIdTwice"), TAKEN]


@pytest.mark.parametrize(
    "foreign",
    [
        replace(tap("tap1", tag=11), interfaces=tap("tap1").interfaces + tap("x").interfaces),
        tap("tap1", tag=11, external_ids={BOUND_KEY: f"{OTHER_FLEET}/port:g"}),
    ],
    ids=["a bond", "of another fleet"],
)
def test_a_port_that_may_never_be_bound_is_a_stranger(foreign: OvsPort) -> None:
    assert TAKEN in reasons(desired(GUEST), plugged(foreign).observed)


def test_a_port_that_belongs_on_another_bridge_is_a_stranger_on_this_one() -> None:
    lan = Bridge("bridge:a", "br-a", DatapathType.NETDEV)
    state = desired(replace(GUEST, bridge="br-a"), bridges=(lan,))
    assert TAKEN in reasons(state, plugged(tap("tap1", tag=11)).observed)


def test_ports_that_are_let_go_of_get_vlans_that_nobody_has() -> None:
    other = Port("port:h", "", PortType.BOUND, "br-fleet", 11, mtu=1400, iface_id="vif-2")
    switch = plugged(tap("tap1"), tap("tap2", "vif-2"), tap("tap3", "vif-3", tag=4093))
    switch.run(make_plan(desired(GUEST, other), switch.observed))
    internal = Port("port:i", "p0", PortType.INTERNAL, "br-fleet", 4092)
    state = desired(internal, removed=frozenset({"port:g", "port:h"}))
    assert still_owed(state.removed, switch.observed, FLEET) == state.removed
    plan = make_plan(state, switch.observed)
    assert plan.failures == ()
    switch.run(plan)
    assert [row(switch, name).tag for name in ("tap1", "tap2", "tap3")] == [4094, 4091, 4093]
    assert row(switch, "tap1") == replace(tap("tap1"), tag=4094, interfaces=_opened(switch, "tap1"))
    assert row(switch, "tap1").interfaces[0].mtu_request is None
    assert not still_owed(state.removed, switch.observed, FLEET)
    assert make_plan(state, switch.observed).describe() == ()


@pytest.mark.parametrize("found", [1400, 9000])
def test_the_mtu_that_a_hypervisor_asked_for_is_given_back(found: int) -> None:
    guest = tap("tap1")
    guest = replace(guest, interfaces=(replace(guest.interfaces[0], mtu_request=found),))
    switch = plugged(guest)
    switch.run(make_plan(desired(GUEST), switch.observed))
    switch.run(make_plan(desired(replace(GUEST, mtu=1300)), switch.observed))
    assert row(switch, "tap1").interfaces[0].mtu_request == 1300
    assert row(switch, "tap1").external_ids == {BOUND_KEY: MARK, BOUND_MTU_KEY: str(found)}
    switch.run(make_plan(desired(removed=frozenset({"port:g"})), switch.observed))
    assert row(switch, "tap1").interfaces[0].mtu_request == found
    assert row(switch, "tap1").external_ids == {}


def _opened(switch: Switch, name: str) -> tuple[OvsInterface, ...]:
    (interface,) = tap(name).interfaces
    return (replace(interface, ofport=row(switch, name).interfaces[0].ofport),)


def test_a_binding_that_intent_lacks_and_did_not_delete_stays_and_is_told() -> None:
    switch = plugged(tap("tap1"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    plan = make_plan(desired(), switch.observed)
    assert plan.is_empty
    assert [each.reason for each in plan.failures] == ["NotRemoved", "LocalVlanTaken"]


def test_a_port_that_got_another_iface_id_is_let_go_of_while_its_successor_is_bound() -> None:
    switch = plugged(tap("tap1"), tap("tap2", "vif-2"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    state = desired(replace(GUEST, iface_id="vif-2"))
    switch.run(make_plan(state, switch.observed))
    assert [row(switch, name).tag for name in ("tap1", "tap2")] == [4094, 11]
    assert BOUND_KEY not in row(switch, "tap1").external_ids
    assert make_plan(state, switch.observed).describe() == ()


def test_a_port_that_intent_has_on_another_bridge_is_let_go_of_until_it_is_back() -> None:
    switch = plugged(tap("tap1"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    bound = row(switch, "tap1")
    lan = Bridge("bridge:a", "br-a", DatapathType.NETDEV)
    state = desired(replace(GUEST, bridge="br-a"), bridges=(lan,))
    switch.run(make_plan(state, switch.observed))
    assert (row(switch, "tap1").tag, row(switch, "tap1").external_ids) == (4094, {})
    assert reasons(state, switch.observed) == [(ErrorKind.CONFLICT, "PluggedElsewhere")]
    switch.run(make_plan(desired(GUEST), switch.observed))
    assert row(switch, "tap1") == bound


def test_a_port_that_another_one_of_intent_is_bound_to_now_only_changes_its_mark() -> None:
    switch = plugged(tap("tap1"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    state = desired(replace(GUEST, id="port:new"), removed=frozenset({"port:g"}))
    (stage,) = make_plan(state, switch.observed).stages
    assert [type(step) for step in stage.steps()] == [BindPort]
    switch.run(make_plan(state, switch.observed))
    assert row(switch, "tap1").external_ids == {BOUND_KEY: f"{FLEET}/port:new"}


def test_a_trunk_that_is_let_go_of_keeps_its_tag() -> None:
    switch = plugged(tap("tap1"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    switch._rows.put_port("br-fleet", replace(row(switch, "tap1"), vlan_mode="trunk"))
    (stage,) = make_plan(desired(removed=frozenset({"port:g"})), switch.observed).stages
    (step,) = stage.steps()
    assert isinstance(step, UnbindPort)
    assert step.tag is None


def test_a_port_of_a_type_that_an_older_agent_did_not_know_stays_bound() -> None:
    switch = plugged(tap("tap1"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    plan = make_plan(desired(replace(GUEST, type=PortType.UNKNOWN)), switch.observed)
    assert plan.is_empty
    assert [each.kind for each in plan.failures] == [ErrorKind.UNSUPPORTED]


def test_no_vlan_being_free_is_told() -> None:
    every: Mapping[str, object] = {"trunks": frozenset(range(1, 4095))}
    switch = plugged(tap("tap1"))
    switch.run(make_plan(desired(GUEST), switch.observed))
    plug(switch, tap("trunk", "vif-9", **every))
    state = desired(removed=frozenset({"port:g"}))
    assert reasons(state, switch.observed) == [(ErrorKind.CONFLICT, "NoFreeVlan"), TAKEN]
    assert make_plan(state, switch.observed).is_empty
