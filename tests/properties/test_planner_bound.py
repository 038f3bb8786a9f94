"""The laws of the planner for ports that somebody else plugs in: for any wish and any guests."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import BOUND_KEY, BOUND_MTU_KEY, OWNER_KEY, HostState, PortType, segment_id
from agent.observed import ObservedState, OvsPort
from agent.planner import make_plan, owed_releases, still_owed
from tests.support.bound_strategies import GUESTS, binding_states, bindings, guests, plug
from tests.support.hosts import FLEET, OVERLAY, bare_host, ids
from tests.support.satisfaction import foreign_part
from tests.support.strange_hosts import strange_hosts
from tests.support.switch import Switch


def others(observed: ObservedState) -> object:
    """What is not ours, but for the three things that are written on ports of guests."""
    bridges = {
        name: replace(bridge, ports=tuple(map(_bare, bridge.ports)))
        for name, bridge in observed.bridges.items()
    }
    links = {
        name: replace(link, mtu=0) if name in GUESTS else link
        for name, link in observed.links.items()
    }
    return foreign_part(replace(observed, bridges=bridges, links=links), FLEET)


def _bare(port: OvsPort) -> OvsPort:
    if port.name not in GUESTS:
        return port
    kept = {
        key: value
        for key, value in port.external_ids.items()
        if (key, value.partition("/")[0]) != (BOUND_KEY, FLEET) and key != BOUND_MTU_KEY
    }
    interfaces = tuple(replace(each, mtu_request=None) for each in port.interfaces)
    return replace(port, tag=None, external_ids=kept, interfaces=interfaces)


def move_on(state: HostState, before: HostState) -> HostState:
    removed = (before.removed | ids(before)) - ids(state)
    return replace(state, removed=removed, released=owed_releases(before, state))


def converge(switch: Switch, desired: HostState) -> None:
    for _ in range(4):
        plan = make_plan(desired, switch.observed)
        if plan.is_empty:
            return
        switch.run(plan)
    assert make_plan(desired, switch.observed).describe() == ()


def assert_bound(switch: Switch, desired: HostState) -> None:
    """Each bound port has its row, or says why not; no other row bears a mark, but for those that
    something is in the way of.
    """
    plan = make_plan(desired, switch.observed)
    failed = {failure.resource for failure in plan.failures}
    found = bindings(switch)
    for port in desired.ports:
        rows = [row for mark, row in found.values() if mark == port.id]
        if port.type is not PortType.BOUND or port.id in failed:
            continue
        (row,) = rows
        (interface,) = row.interfaces
        assert (row.tag, interface.mtu_request) == (port.tag, port.mtu)
        assert interface.external_ids["iface-id"] == port.iface_id
        assert row in switch.bridges[port.bridge].ports
        assert switch.kernel.links[row.name].mtu == port.mtu
    marked = {mark for mark, _ in found.values()} - {""}
    assert {mark for mark in marked if not mark.startswith(FLEET)} <= _all_ids(desired)
    assert not still_owed(desired.removed & _bound_ids(), switch.observed, FLEET)


def _all_ids(desired: HostState) -> set[str]:
    return {*ids(desired), "fleet-2/port:g"}


def _bound_ids() -> frozenset[str]:
    return frozenset(f"port:{uid}" for uid in "ghi")


def assert_alone(switch: Switch, desired: HostState, names: Collection[str]) -> None:
    """Ports that were let go of share a VLAN with nobody."""
    wanted = {each.local_vlan for each in desired.attachments}
    for bridge in switch.bridges.values():
        for port in bridge.ports:
            if port.name in names:
                tags = [each.tag for each in bridge.ports if each is not port]
                assert port.tag is not None
                assert port.tag not in {*tags, *wanted}


@settings(max_examples=40)
@given(binding_states(), binding_states(), guests(), strange_hosts(), st.data())
def test_guests_are_bound_and_let_go_of_wherever_a_plan_is_cut_short_and_stay_who_they_are(
    first: HostState,
    second: HostState,
    plugged: tuple[OvsPort, ...],
    host: ObservedState,
    data: st.DataObject,
) -> None:
    switch = Switch(host)
    converge(switch, first)
    if not switch.bridges:
        return
    some = st.permutations(sorted(switch.bridges, reverse=True))
    plug(switch, plugged, data.draw(some, label="where they are plugged in"))
    before = others(switch.observed)
    converge(switch, first)
    assert_bound(switch, first)
    bound = {name for name, (mark, _) in bindings(switch).items() if mark.startswith("port:")}
    following = move_on(second, first)
    for _ in range(2):
        plan = make_plan(following, switch.observed)
        switch.run(plan, limit=data.draw(st.integers(0, 6), label="atoms until the kill"))
    converge(switch, following)
    assert_bound(switch, following)
    let_go = {name for name in bound if not bindings(switch)[name][0]}
    assert_alone(switch, following, let_go)
    requested = {port.name: port.interfaces[0].mtu_request for port in plugged}
    for name in let_go:
        assert bindings(switch)[name][1].interfaces[0].mtu_request == requested[name]
    assert others(switch.observed) == before


def assert_apart(switch: Switch, desired: HostState) -> None:
    """In the VLAN of a segment that is said to be well is nobody that is not bound to it."""
    failed = {failure.resource for failure in make_plan(desired, switch.observed).failures}
    vlans = {
        each.local_vlan
        for each in desired.attachments
        if each.local_vlan and segment_id(each.segment_uid) not in failed
    }
    homes = {(port.id, port.tag, port.iface_id) for port in desired.ports}
    for port in switch.bridges["br-fleet"].ports if "br-fleet" in switch.bridges else ():
        if port.external_ids.get(OWNER_KEY) != FLEET and port.tag in vlans:
            mark = port.external_ids.get(BOUND_KEY, "").removeprefix(f"{FLEET}/")
            names = {each.external_ids.get("iface-id", "") for each in port.interfaces}
            assert any((mark, port.tag, name) in homes for name in names), port


@settings(max_examples=40)
@given(binding_states(), binding_states(), guests(), guests(), st.booleans())
def test_no_guest_is_in_the_vlan_of_a_segment_that_it_is_not_bound_to(
    first: HostState,
    second: HostState,
    plugged: tuple[OvsPort, ...],
    late: tuple[OvsPort, ...],
    is_restored: bool,
) -> None:
    """Not even where intent has forgotten what it had, or somebody is in the way of a binding."""
    first = replace(first, overlay=OVERLAY)
    switch = Switch(bare_host())
    converge(switch, first)
    plug(switch, plugged, ["br-fleet"])
    converge(switch, first)
    assert_apart(switch, first)
    there = {port.name for port in plugged}
    plug(switch, tuple(port for port in late if port.name not in there), ["br-fleet"])
    second = replace(second, overlay=OVERLAY)
    following = second if is_restored else move_on(second, first)
    converge(switch, following)
    assert_apart(switch, following)


@settings(max_examples=25)
@given(binding_states(), binding_states(), guests())
def test_an_update_and_its_revert_bind_the_same_ports_to_the_same_vlans(
    first: HostState, second: HostState, plugged: tuple[OvsPort, ...]
) -> None:
    switch = Switch(bare_host())
    converge(switch, first)
    if "br-fleet" not in switch.bridges:
        return
    plug(switch, plugged, ["br-fleet"])
    converge(switch, first)
    before = {name: row for name, (mark, row) in bindings(switch).items() if mark}
    converge(switch, move_on(second, first))
    again = move_on(first, move_on(second, first))
    converge(switch, again)
    assert {name: row for name, (mark, row) in bindings(switch).items() if mark} == before
