"""The laws of the planner, on the in-memory switch: for any wish and any host."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, example, given
from hypothesis import strategies as st

from agent.model import (
    Backend,
    Bridge,
    BridgeType,
    DatapathType,
    HostState,
    segment_id,
)
from agent.observed import ObservedState
from agent.planner import make_plan, owed_releases, still_released
from agent.planner.bridge_steps import SetBridgeAttributes
from agent.planner.plan import AddAddress, Plan, SetBridge, SetLink, Stage, Step
from tests.support.hosts import DEVICES, FLEET, bare_host, desired_states, ids
from tests.support.satisfaction import foreign_part, own_part, shortcomings
from tests.support.strange_hosts import strange_hosts
from tests.support.switch import Switch


def move_on(state: HostState, before: HostState) -> HostState:
    """``state`` as the successor of ``before``: what it lacks was deleted or is given back."""
    released = owed_releases(before, state)
    return replace(state, removed=ids(before) - ids(state), released=released)


def converge(switch: Switch, desired: HostState, rounds: int = 4) -> None:
    for _ in range(rounds):
        plan = make_plan(desired, switch.observed)
        if plan.is_empty:
            return
        switch.run(plan)
    assert make_plan(desired, switch.observed).describe() == ()


def run(switch: Switch, plan: Plan, desired: HostState) -> None:
    """Run the plan without a failure, and what it leaves to the next: to set up the cards that
    Open vSwitch has taken by then, and the devices that it has made anew.
    """
    assert switch.run(plan) == ()
    rest = make_plan(desired, switch.observed)
    anew = _made_anew(switch, plan)
    unasked = [
        step
        for stage in rest.stages
        for step in stage.steps()
        if not (isinstance(step, SetLink) and step.name in DEVICES)
        and not (isinstance(step, SetLink | AddAddress) and step.name in anew)
    ]
    assert unasked == []
    assert switch.run(rest) == ()


def _made_anew(switch: Switch, plan: Plan) -> set[str]:
    """The devices of bridges that have another datapath now."""
    steps = (step for stage in plan.stages for step in stage.steps())
    changed = {s.name for s in steps if isinstance(s, SetBridge) and "datapath_type" in s.columns}
    ports = (port for name in changed for port in switch.bridges[name].ports)
    return {row.name for port in ports for row in port.interfaces}


def assert_at_rest(switch: Switch, desired: HostState) -> None:
    """Nothing is left to do, and what is not as desired is explained."""
    plan = make_plan(desired, switch.observed)
    assert plan.is_empty, plan.describe()
    excused = {failure.resource for failure in plan.failures}
    for failure in plan.failures:
        if failure.resource.startswith("segment:"):
            named = ids(desired) | desired.removed
            excused |= {each for each in named if _is_tunnel_of(each, failure.resource)}
    assert shortcomings(desired, switch.observed, excused) == []
    assert not switch.dead_ports & {port.interface for port in desired.ports}


def _is_tunnel_of(resource: str, segment: str) -> bool:
    return resource.startswith(segment.replace("segment:", "tunnel:") + "/")


@given(desired_states())
def test_a_bare_host_becomes_what_is_desired_in_one_run_without_a_failure(
    desired: HostState,
) -> None:
    switch = Switch(bare_host())
    plan = make_plan(desired, switch.observed)
    assert plan.failures == ()
    run(switch, plan, desired)
    assert make_plan(desired, switch.observed).describe() == ()
    assert_at_rest(switch, desired)


@given(desired_states(), strange_hosts())
def test_any_host_becomes_what_is_desired_or_says_what_is_in_the_way(
    desired: HostState, host: ObservedState
) -> None:
    switch = Switch(host)
    run(switch, make_plan(desired, switch.observed), desired)
    assert_at_rest(switch, desired)


@given(desired_states(), desired_states(), strange_hosts())
def test_what_is_not_ours_is_left_alone(
    first: HostState, second: HostState, host: ObservedState
) -> None:
    switch = Switch(host)
    before = foreign_part(switch.observed, FLEET)
    converge(switch, first)
    assert foreign_part(switch.observed, FLEET) == before
    converge(switch, move_on(second, first))
    assert foreign_part(switch.observed, FLEET) == before


def _aging_bridge(uid: str) -> HostState:
    """A host with one Linux bridge that has always the same name and setting."""
    bridge = Bridge(
        f"bridge:{uid}",
        "br-b",
        DatapathType.UNKNOWN,
        type=BridgeType.LINUX,
        link_attributes={"IFLA_BR_AGEING_TIME": 6001},
    )
    return HostState(FLEET, 1, 1, b"any", "h0", "h0", bridges=(bridge,))


def _tree_bridge(**attributes: int) -> HostState:
    (bridge,) = _aging_bridge("a").bridges
    bridge = replace(bridge, link_attributes={f"IFLA_BR_{n}": v for n, v in attributes.items()})
    return replace(_aging_bridge("a"), bridges=(bridge,))


def become_roots(switch: Switch) -> None:
    """Bridges show again what they were told; while they follow a root, that counts as owed."""
    for link in [each for each in switch.kernel.links.values() if each.hidden]:
        values = (("IFLA_BR_PRIORITY", 1),)
        step = SetBridgeAttributes("anybody", link.name, values, link.ifindex)
        switch.run(Plan((Stage(pre=(step,)),)))


@given(desired_states(), desired_states())
@example(_aging_bridge("a"), _aging_bridge("b")).via("one takes the other's name and setting")
@example(_tree_bridge(HELLO_TIME=333), _tree_bridge(STP_STATE=1)).via("one follows a root")
def test_a_change_of_mind_takes_one_run(first: HostState, second: HostState) -> None:
    switch = Switch(bare_host())
    converge(switch, first)
    following = move_on(second, first)
    plan = make_plan(following, switch.observed)
    assert plan.failures == ()
    run(switch, plan, following)
    assert_at_rest(switch, following)
    become_roots(switch)
    assert not still_released(following, switch.observed)


@given(desired_states(), desired_states(), strange_hosts(), st.data())
def test_a_plan_that_is_cut_short_anywhere_is_completed_by_the_next(
    first: HostState, second: HostState, host: ObservedState, data: st.DataObject
) -> None:
    switch = Switch(host)
    converge(switch, first)
    following = move_on(second, first)
    for _ in range(3):
        plan = make_plan(following, switch.observed)
        steps = sum(1 for stage in plan.stages for _ in stage.steps())
        switch.run(plan, limit=data.draw(st.integers(0, steps), label="atoms until the kill"))
    converge(switch, following)
    assert_at_rest(switch, following)


@given(desired_states(), desired_states(), strange_hosts())
def test_an_update_and_its_revert_restore_what_is_ours(
    first: HostState, second: HostState, host: ObservedState
) -> None:
    switch = Switch(host)
    converge(switch, first)
    assume(not make_plan(first, switch.observed).failures)
    before = own_part(switch.observed, FLEET)
    converge(switch, move_on(second, first))
    converge(switch, move_on(first, second))
    assert own_part(switch.observed, FLEET) == before


@given(desired_states(), st.data())
def test_a_refused_step_fails_its_resource_alone(desired: HostState, data: st.DataObject) -> None:
    switch = Switch(bare_host())
    plan = make_plan(desired, switch.observed)
    workloads = sorted({port.id for port in desired.ports})
    victim = data.draw(st.sampled_from(workloads)) if workloads else ""

    def refuses(step: Step) -> bool:
        return step.resource == victim

    switch.refuses = refuses
    switch.run(plan)
    switch.run(make_plan(desired, switch.observed))
    assert shortcomings(desired, switch.observed, excused={victim}) == []


@given(desired_states(), desired_states())
def test_nothing_is_planned_while_vswitchd_is_down(first: HostState, second: HostState) -> None:
    switch = Switch(bare_host())
    converge(switch, first)
    switch.stop_vswitchd()
    plan = make_plan(move_on(second, first), switch.observed)
    assert plan.is_empty
    assert [failure.reason for failure in plan.failures] == ["VswitchdDown"]
    switch.start_vswitchd()
    assert make_plan(first, switch.observed).describe() == ()


@given(desired_states(), desired_states())
def test_what_is_absent_without_being_named_as_removed_stays_and_is_reported(
    first: HostState, second: HostState
) -> None:
    switch = Switch(bare_host())
    converge(switch, first)
    absent = {each for each in ids(first) - ids(second) if not _is_carried_otherwise(each, second)}
    absent -= {
        segment_id(each.segment_uid) for each in first.attachments if each.backend is Backend.OVS
    }
    second = replace(second, released=owed_releases(first, second))
    plan = make_plan(second, switch.observed)
    reported = {failure.resource for failure in plan.failures if failure.reason == "NotRemoved"}
    assert absent <= reported
    switch.run(plan)
    kept = make_plan(second, switch.observed)
    assert absent <= {failure.resource for failure in kept.failures}


def _is_carried_otherwise(resource: str, state: HostState) -> bool:
    """Whether it is a tunnel of a segment that is here without tunnels now."""
    by_kernel = {a.segment_uid for a in state.attachments if a.backend is Backend.KERNEL}
    return any(_is_tunnel_of(resource, segment_id(each)) for each in by_kernel)


@given(desired_states(), strange_hosts(), st.randoms(use_true_random=False))
def test_the_order_of_rows_has_no_influence(
    desired: HostState, host: ObservedState, random: object
) -> None:
    shuffle = random.shuffle  # type: ignore[attr-defined]
    ports, attachments = list(desired.ports), list(desired.attachments)
    bridges, links = list(host.bridges.items()), list(host.links.items())
    for each in (ports, attachments, bridges, links):
        shuffle(each)
    shuffled = replace(desired, ports=tuple(ports), attachments=tuple(attachments))
    mixed = replace(host, bridges=dict(bridges), links=dict(links))
    assert make_plan(shuffled, mixed) == make_plan(desired, host)
