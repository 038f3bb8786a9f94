"""The laws of the planner for what is shaped, mirrored and exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from ovsfleet.v1 import state_pb2

from agent.controlplane.codec import decode_host_state, dump_host_state, encode_host_state
from agent.controlplane.codec import load_host_state as load
from agent.errors import ErrorKind
from agent.model import ID_KEY, OWNER_KEY, HostState
from agent.monitoring import FlowExport, Mirror, MirrorTunnel, OvsQos
from agent.observed import ObservedState, OvsBridge
from agent.planner import make_plan, still_owed
from agent.planner.plan import AddMirror, Plan, Stage
from tests.support.hosts import FLEET, OVERLAY, OWN_HOST, bare_host
from tests.support.monitoring_satisfaction import monitoring_faults, watching_rows
from tests.support.monitoring_strategies import foreign_bridge, meddled, monitored_states
from tests.support.switch import Switch

IFACE_TYPES = frozenset({"internal", "gre", "erspan"})


def a_host(**bridges: OvsBridge) -> ObservedState:
    found = {bridge.name: bridge for bridge in bridges.values()}
    return bare_host(iface_types=IFACE_TYPES, bridges=found)


def ids(state: HostState) -> frozenset[str]:
    rows = {each.id for each in state.bridges} | {each.id for each in state.ports}
    watching = {each.id for each in state.mirrors} | {each.id for each in state.flow_exports}
    return frozenset(rows | watching)


def move_on(state: HostState, before: HostState) -> HostState:
    return replace(state, removed=ids(before) - ids(state))


def converge(switch: Switch, desired: HostState, rounds: int = 4) -> None:
    for _ in range(rounds):
        plan = make_plan(desired, switch.observed)
        if plan.is_empty:
            return
        switch.run(plan)
    assert make_plan(desired, switch.observed).describe() == ()


def assert_at_rest(switch: Switch, desired: HostState) -> None:
    observed = switch.observed
    plan = make_plan(desired, observed)
    assert plan.is_empty, plan.describe()
    possible, hindered = what_is_possible(desired, observed)
    assert {(each.resource, each.reason) for each in plan.failures} == hindered
    assert list(monitoring_faults(possible, observed)) == []
    assert not [each for each in observed.strays if each.owner == FLEET]
    assert not still_owed(desired.removed - ids(desired), observed, FLEET)
    copies_everything_by_mistake(switch, desired)


def what_is_possible(
    desired: HostState, observed: ObservedState
) -> tuple[HostState, set[tuple[str, str]]]:
    """``desired`` without what others' rows and missing ports hinder, and what is to be told."""
    mirrors = [_reduced(mirror, observed) for mirror in desired.mirrors]
    exports = tuple(_not_taken(export, observed) for export in desired.flow_exports)
    shaped = {p.name: p.qos for bridge in observed.bridges.values() for p in bridge.ports}
    theirs = {name for name, row in shaped.items() if row and not _is_of(FLEET, row.external_ids)}
    ports = tuple(replace(p, qos=None) if p.interface in theirs else p for p in desired.ports)
    told = {(p.id, "QosTaken") for p in desired.ports if p.qos and p.interface in theirs}
    pairs = zip(desired.mirrors, mirrors, strict=True)
    told |= {(mirror.id, "PortMissing") for mirror, there in pairs if there != mirror}
    taken = zip(desired.flow_exports, exports, strict=True)
    told |= {(export.id, "ExportTaken") for export, left in taken if left != export}
    whole = tuple(mirror for mirror in mirrors if mirror is not None)
    return replace(desired, ports=ports, mirrors=whole, flow_exports=exports), told


def _reduced(mirror: Mirror, observed: ObservedState) -> Mirror | None:
    """None where there is nothing to copy, or no place to copy it to."""
    ports = {port.name for port in observed.bridges[mirror.bridge].ports}
    named = mirror.select_src_ports | mirror.select_dst_ports
    if not (mirror.select_all or named & ports or (mirror.select_vlans and not named)):
        return None
    if mirror.output_port and mirror.output_port not in ports:
        return None
    src, dst = mirror.select_src_ports & ports, mirror.select_dst_ports & ports
    return replace(mirror, select_src_ports=src, select_dst_ports=dst)


def _not_taken(export: FlowExport, observed: ObservedState) -> FlowExport:
    rows = {
        name: observed.bridges[name].exports.get(export.protocol.value) for name in export.bridges
    }
    ours = (name for name, row in rows.items() if not row or _is_of(FLEET, row.external_ids))
    return replace(export, bridges=tuple(ours))


def _is_of(owner: str, external_ids: Mapping[str, str]) -> bool:
    return external_ids.get(OWNER_KEY) == owner


def copies_everything_by_mistake(switch: Switch, desired: HostState) -> None:
    """Only what intent says so of, or a VLAN of: never because the ports that it names are gone."""
    meant = {
        each.id
        for each in desired.mirrors
        if each.select_all or not each.select_src_ports | each.select_dst_ports
    }
    for row in (row for bridge in switch.bridges.values() for row in bridge.mirrors):
        if row.external_ids.get("ovsfleet-owner") == FLEET and row.select_all:
            assert row.external_ids["ovsfleet-id"] in meant


@given(monitored_states(), monitored_states())
def test_what_is_watched_comes_in_one_run_and_changes_in_one(
    first: HostState, second: HostState
) -> None:
    switch = Switch(a_host())
    for desired in (first, move_on(second, first), move_on(first, second)):
        plan = make_plan(desired, switch.observed)
        assert {each.reason for each in plan.failures} <= {"PortMissing"}
        assert switch.run(plan) == ()
        assert_at_rest(switch, desired)


@given(monitored_states(), monitored_states(), foreign_bridge(), st.data())
def test_rows_of_others_stay_as_they_are_and_what_they_hinder_is_told(
    first: HostState, second: HostState, theirs: OvsBridge, data: st.DataObject
) -> None:
    switch = Switch(a_host(theirs=theirs))
    converge(switch, first)
    for name in sorted(switch.bridges):
        switch.bridges[name] = data.draw(meddled(switch.bridges[name]))
    ports = named_by_resource(switch)
    foreign = watching_rows(switch.observed, FLEET, ours=False)
    converge(switch, first)
    assert watching_rows(switch.observed, FLEET, ours=False) == foreign
    assert_at_rest(switch, first)
    bridges = {each.id: each for each in (*first.bridges, *second.bridges)}
    moved = move_on(replace(second, bridges=tuple(bridges.values())), first)
    converge(switch, moved)
    after = watching_rows(switch.observed, FLEET, ours=False)
    kept = {name for name, _ in ports & named_by_resource(switch)}
    shaped = {place for place in foreign if place[0] == "qos" and place[1] in kept}
    assert {place: after.get(place) for place in shaped} == {p: foreign[p] for p in shaped}
    assert_at_rest(switch, moved)


def named_by_resource(switch: Switch) -> set[tuple[str, str]]:
    """A port is another one when another resource has it, although it has the name."""
    ports = (port for bridge in switch.bridges.values() for port in bridge.ports)
    return {(port.name, port.external_ids.get(ID_KEY, "")) for port in ports}


def test_the_qos_of_others_goes_with_the_port_and_not_to_another_one_of_its_name() -> None:
    tunnel = MirrorTunnel("mr1", "gre", {"remote_ip": "192.0.2.9"})
    first = Mirror("mirror:n", "m", "br-fleet", select_all=True, tunnel=tunnel)
    state = HostState(FLEET, 1, 1, b"any", OWN_HOST, OWN_HOST, overlay=OVERLAY, mirrors=(first,))
    theirs = OvsQos("linux-sfq", {"perturb": "9"}, {}, {})
    switch = Switch(a_host())
    converge(switch, state)
    bridge = switch.bridges["br-fleet"]
    shaped = (replace(each, qos=theirs) if each.name == "mr1" else each for each in bridge.ports)
    switch.bridges["br-fleet"] = replace(bridge, ports=tuple(shaped))
    erspan = replace(first, tunnel=replace(tunnel, type="erspan"))
    converge(switch, replace(state, mirrors=(erspan,)))
    place = ("qos", "mr1")
    assert watching_rows(switch.observed, FLEET, ours=False) == {place: repr(theirs)}
    other = replace(state, mirrors=(replace(first, id="mirror:m"),))
    converge(switch, move_on(other, state))
    assert "mr1" in {name for name, _ in named_by_resource(switch)}
    assert place not in watching_rows(switch.observed, FLEET, ours=False)


@given(monitored_states(), monitored_states(), st.data())
def test_what_is_cut_short_anywhere_is_completed_by_the_next_plan(
    first: HostState, second: HostState, data: st.DataObject
) -> None:
    switch = Switch(a_host())
    for desired in (first, move_on(second, first)):
        plan = make_plan(desired, switch.observed)
        switch.run(plan, limit=data.draw(st.integers(0, 3), label="atoms until the kill"))
    converge(switch, move_on(second, first))
    assert_at_rest(switch, move_on(second, first))


@given(monitored_states(), monitored_states(), st.data())
def test_no_port_to_a_collector_is_ever_without_a_mirror_that_puts_out_to_it(
    first: HostState, second: HostState, data: st.DataObject
) -> None:
    """It would be a trunk port for everything that the bridge floods, and take frames for it."""
    switch = Switch(a_host())
    for desired in (first, move_on(second, first), move_on(first, second)):
        plan = make_plan(desired, switch.observed)
        for stage in plan.stages:
            switch.run(Plan((stage,)))
            assert open_tunnels(switch.observed) == []
        if data.draw(st.booleans(), label="somebody deletes the mirrors"):
            for name, bridge in switch.bridges.items():
                switch.bridges[name] = replace(bridge, mirrors=())
            run_by_resource(switch, make_plan(desired, switch.observed))
            assert open_tunnels(switch.observed) == []


def run_by_resource(switch: Switch, plan: Plan) -> None:
    """As when the server refuses the one transaction of a stage."""
    for stage in plan.stages:
        for ops in stage.groups().values():
            switch.run(Plan((Stage(ovsdb=ops),)))


def open_tunnels(observed: ObservedState) -> list[str]:
    return [
        port.name
        for bridge in observed.bridges.values()
        for port in bridge.ports
        if port.interfaces[0].type in ("gre", "erspan")
        and port.name not in {mirror.output_port for mirror in bridge.mirrors}
    ]


@given(monitored_states(), monitored_states())
def test_an_update_and_its_revert_restore_the_rows(first: HostState, second: HostState) -> None:
    switch = Switch(a_host())
    converge(switch, first)
    before = watching_rows(switch.observed, FLEET, ours=True)
    converge(switch, move_on(second, first))
    converge(switch, move_on(first, second))
    missing = {each.resource for each in make_plan(first, switch.observed).failures}
    after = watching_rows(switch.observed, FLEET, ours=True)
    assert {place: row for place, row in after.items() if place[-1] not in missing} == {
        place: row for place, row in before.items() if place[-1] not in missing
    }


@given(monitored_states())
def test_mirrors_and_exports_that_are_merely_absent_stay_and_are_reported(
    first: HostState,
) -> None:
    switch = Switch(a_host())
    converge(switch, first)
    before = watching_rows(switch.observed, FLEET, ours=True)
    made = {op.resource for op in _mirrors_of(first)} | {each.id for each in first.flow_exports}
    plan = make_plan(replace(first, mirrors=(), flow_exports=()), switch.observed)
    assert plan.is_empty
    told = {each.resource for each in plan.failures if each.reason == "NotRemoved"}
    assert made <= told
    assert watching_rows(switch.observed, FLEET, ours=True) == before


@given(monitored_states())
def test_rows_that_bear_our_mark_on_a_bridge_of_somebody_else_are_his(first: HostState) -> None:
    switch = Switch(a_host())
    converge(switch, first)
    mirrors = [mirror for bridge in switch.bridges.values() for mirror in bridge.mirrors]
    exports = switch.bridges["br-fleet"].exports
    theirs = OvsBridge("br-int", datapath_type="netdev", mirrors=tuple(mirrors), exports=exports)
    observed = a_host(theirs=theirs)
    gone = replace(first, overlay=None, bridges=(), ports=(), mirrors=(), flow_exports=())
    assert make_plan(gone, observed).describe() == ()
    assert make_plan(move_on(gone, first), observed).describe() == ()
    assert not still_owed(ids(first), observed, FLEET)


@given(monitored_states(), st.sampled_from("xy"))
def test_an_export_takes_no_place_of_one_that_nobody_removed(first: HostState, uid: str) -> None:
    switch = Switch(a_host())
    converge(switch, first)
    before = watching_rows(switch.observed, FLEET, ours=True)
    others = tuple(replace(each, id=f"{each.id}-{uid}") for each in first.flow_exports)
    desired = replace(first, flow_exports=others)
    told = {each.resource: each.reason for each in make_plan(desired, switch.observed).failures}
    assert {told[each.id] for each in others} <= {"ExportTaken"}
    converge(switch, desired)
    assert watching_rows(switch.observed, FLEET, ours=True) == before
    replaced = move_on(desired, first)
    converge(switch, replaced)
    assert_at_rest(switch, replaced)


@given(monitored_states())
def test_a_state_of_an_agent_that_knew_less_takes_no_shaping_away(first: HostState) -> None:
    switch = Switch(a_host())
    converge(switch, first)
    before = watching_rows(switch.observed, FLEET, ours=True)
    less = tuple(replace(port, qos=None) for port in first.ports)
    older = replace(first, ports=less, mirrors=(), flow_exports=(), is_whole=False)
    assert make_plan(older, switch.observed).is_empty
    moved = replace(older, ports=tuple(replace(port, bridge="br-fleet") for port in less))
    converge(switch, moved)
    shaped = {place: row for place, row in before.items() if place[0] == "qos"}
    after = watching_rows(switch.observed, FLEET, ours=True)
    assert {place: row for place, row in after.items() if place[0] == "qos"} == shaped
    whole = replace(older, is_whole=True)
    converge(switch, whole)
    assert not [
        place for place in watching_rows(switch.observed, FLEET, ours=True) if place[0] == "qos"
    ]


def _mirrors_of(state: HostState) -> list[AddMirror]:
    plan = make_plan(state, a_host())
    return [op for stage in plan.stages for op in stage.ovsdb if isinstance(op, AddMirror)]


@given(monitored_states())
def test_what_is_watched_survives_the_wire_and_a_protocol_of_the_future_is_unsupported(
    state: HostState,
) -> None:
    message = encode_host_state(state)
    assert decode_host_state(message, {}) == state
    assert load(dump_host_state(state)) == state
    for export in message.host.flow_exports:
        export.protocol = 77  # type: ignore[assignment]
    later = decode_host_state(state_pb2.HostState.FromString(message.SerializeToString()), {})
    kinds = {each.resource: each.kind for each in make_plan(later, a_host()).failures}
    assert {kinds[each.id] for each in state.flow_exports} <= {ErrorKind.UNSUPPORTED}
