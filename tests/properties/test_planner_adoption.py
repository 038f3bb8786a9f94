"""Taking over what others made: it changes the mark, and nothing else without leave."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import DEVICE_KEY, ID_KEY, OWNER_KEY, HostState
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, OvsPort
from agent.planner import make_plan
from agent.planner.ownership import aliased_id
from agent.planner.plan import Plan, SetBridge, SetInterface, SetLink, SetPort, Step
from agent.safety import Grants
from tests.properties.test_planner import assert_at_rest, converge
from tests.support.hosts import FLEET, OTHER_FLEET, bare_host, desired_states
from tests.support.strange_hosts import strange_hosts
from tests.support.switch import Switch

_EXAMPLES = settings().max_examples // 2
_MARKS = frozenset({OWNER_KEY, ID_KEY, DEVICE_KEY})


def granted(desired: HostState, *, accept: bool) -> HostState:
    """Every bridge and port may be taken over."""
    overlay = () if desired.overlay is None else (desired.overlay,)
    named = (each.id for each in (*overlay, *desired.bridges, *desired.ports))
    return replace(desired, grants=Grants(1, adoptions=dict.fromkeys(named, accept)))


def without_marks(observed: ObservedState, resources: frozenset[str]) -> ObservedState:
    """The same host, had somebody else made what is there for ``resources``."""

    def ids(row: OvsBridge | OvsPort | OvsInterface) -> dict[str, str]:
        is_one = row.external_ids.get(ID_KEY) in resources
        keys = row.external_ids.keys() - (_MARKS if is_one else set())
        return {key: row.external_ids[key] for key in keys}

    def port(row: OvsPort) -> OvsPort:
        rows = tuple(replace(each, external_ids=ids(each)) for each in row.interfaces)
        return replace(row, interfaces=rows, external_ids=ids(row))

    def link(device: Link) -> Link:
        is_one = aliased_id(device, FLEET) in resources
        return replace(device, alias="" if is_one else device.alias)

    bridges = {
        name: replace(row, ports=tuple(map(port, row.ports)), external_ids=ids(row))
        for name, row in observed.bridges.items()
    }
    links = {name: link(each) for name, each in observed.links.items()}
    return replace(observed, bridges=bridges, links=links)


def is_mark(step: Step) -> bool:
    if isinstance(step, SetLink):
        bare = SetLink(step.resource, None, step.name, alias=step.alias, ifindex=step.ifindex)
        return step == bare
    if not isinstance(step, SetBridge | SetPort | SetInterface):
        return False
    of_interface = isinstance(step, SetInterface) and bool(step.options or step.without)
    is_more = bool(step.columns or step.settings) or of_interface
    return not is_more and step.external_ids.keys() == {OWNER_KEY, ID_KEY}


def marks_of(plan: Plan) -> set[str]:
    """The resources that the first stage takes over; it does nothing else then."""
    first = list(plan.stages[0].steps()) if plan.stages else []
    if not first or not is_mark(first[0]):
        return set()
    assert all(map(is_mark, first)), plan.describe()
    return {step.resource for step in first}


@settings(max_examples=_EXAMPLES)
@given(desired_states())
def test_what_is_as_intended_is_taken_over_by_its_mark_alone(desired: HostState) -> None:
    switch = Switch(bare_host())
    converge(switch, desired)
    before = switch.observed
    wish = granted(desired, accept=False)
    switch = Switch(without_marks(before, frozenset(wish.grants.adoptions)))
    stripped = switch.observed
    plan = make_plan(wish, stripped)
    if stripped != before:
        assert marks_of(plan), plan.describe()
    converge(switch, wish)
    assert without_marks(switch.observed, frozenset(wish.grants.adoptions)) == without_marks(
        before, frozenset(wish.grants.adoptions)
    )
    assert make_plan(desired, switch.observed).describe() == ()


def rows_on(bridge: OvsBridge) -> list[OvsBridge | OvsPort]:
    return [bridge, *bridge.ports]


def facts(observed: ObservedState, plan: Plan) -> ObservedState:
    """Without any of our fleet's marks, and the aliases that those take the place of."""
    marked = {step.name for step in plan.stages[0].post if isinstance(step, SetLink)}
    links = {
        name: replace(link, alias="" if name in marked else link.alias)
        for name, link in observed.links.items()
    }
    named = {
        row.external_ids.get(ID_KEY, "")
        for bridge in observed.bridges.values()
        for row in rows_on(bridge)
        if row.external_ids.get(OWNER_KEY) == FLEET
    }
    return without_marks(replace(observed, links=links), frozenset(named))


def other_fleets_ports(observed: ObservedState) -> list[OvsPort]:
    ports = [port for bridge in observed.bridges.values() for port in bridge.ports]
    return [port for port in ports if port.external_ids.get(OWNER_KEY) == OTHER_FLEET]


@settings(max_examples=_EXAMPLES)
@given(desired_states(), strange_hosts(), st.booleans())
def test_the_first_thing_that_is_done_to_what_is_taken_over_is_its_mark(
    desired: HostState, host: ObservedState, accept: bool
) -> None:
    wish = granted(desired, accept=accept)
    switch = Switch(host)
    kept = other_fleets_ports(switch.observed)
    plan = make_plan(wish, switch.observed)
    if taken := marks_of(plan):
        later = [step for stage in plan.stages[1:] for step in stage.steps()]
        assert not taken & {step.resource for step in later}
        assert not taken & {failure.resource for failure in plan.failures}
        before = facts(switch.observed, plan)
        switch.run(replace(plan, stages=plan.stages[:1]))
        assert facts(switch.observed, plan) == before
    for failure in plan.failures:
        assert accept <= (failure.reason != "AdoptionDiffers")
    converge(switch, wish, rounds=6)
    assert_at_rest(switch, wish)
    assert other_fleets_ports(switch.observed) == kept
