"""What somebody changed of a guarded resource is never written to; all the rest converges."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.attempts import steps_by_resource
from agent.cache import desired_ids
from agent.drift import Drift, policy_of
from agent.drift_events import DriftQueue
from agent.model import ID_KEY, HostState
from agent.observed import ObservedState, OvsInterface
from agent.planner import Plan, make_plan
from agent.safety import DriftPolicy, Grants, Safety
from agent.state_file import Cached
from tests.properties.test_planner import assert_at_rest, converge
from tests.properties.test_planner_drift import Hand, disturb
from tests.support.agent_shell import HandClock
from tests.support.hosts import FLEET, bare_host, desired_states
from tests.support.satisfaction import foreign_part
from tests.support.switch import Switch

GUARDED = (DriftPolicy.REPORT, DriftPolicy.IGNORE)


class Agent:
    """The part of the closed loop that decides what of a plan is done."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.drift = Drift(DriftQueue(), HandClock())
        self.worked_on: set[str] = set()

    def turn(self, desired: HostState) -> Plan:
        """Run until nothing is left that may be done; the plan that is left."""
        self.drift.begin(Cached(desired, "1", desired.revision, desired.hash))
        for _ in range(5):
            plan = make_plan(desired, self.switch.observed)
            todo = self.drift.sift(plan, desired, self.switch.observed, {})
            if todo.is_empty:
                break
            self.worked_on |= steps_by_resource(todo).keys()
            self.drift.applying(steps_by_resource(todo), {})
            self.switch.run(todo)
        asyncio.run(self.drift.settle(desired, todo, {}))
        return todo


def part_of(observed: ObservedState, resources: frozenset[str]) -> dict[tuple[str, str], object]:
    """Rows and devices that bear a mark of ``resources``, without what the datapath writes."""
    part: dict[tuple[str, str], object] = {
        (bridge.name, port.name): replace(
            port, qos=None, interfaces=tuple(_bare(each) for each in port.interfaces)
        )
        for bridge in observed.bridges.values()
        for port in bridge.ports
        if port.external_ids.get(ID_KEY) in resources
    }
    for link in observed.links.values():
        if link.alias.removeprefix(f"ovsfleet:{FLEET}:") in resources:
            part["", link.name] = link
    return part


def _bare(interface: OvsInterface) -> OvsInterface:
    return replace(interface, ofport=None, error=None)


@settings(max_examples=settings().max_examples // 4)
@given(desired_states(), st.data())
def test_what_is_guarded_is_left_and_all_else_converges(
    desired: HostState, data: st.DataObject
) -> None:
    policies = data.draw(
        st.dictionaries(st.sampled_from(sorted(desired_ids(desired))), st.sampled_from(GUARDED))
        if desired_ids(desired)
        else st.just({}),
        label="policies",
    )
    desired = replace(desired, safety=Safety(drift=policies))
    switch = Switch(bare_host())
    converge(switch, desired)
    agent = Agent(switch)
    agent.turn(desired)
    for _ in range(3):
        disturb(Hand(switch), data)
    foreign, before = foreign_part(switch.observed, FLEET), switch.observed
    left = agent.turn(desired)
    guarded = frozenset(agent.drift.left)
    assert left.is_empty, left.describe()
    assert not agent.worked_on & guarded
    assert part_of(before, guarded) == part_of(switch.observed, guarded)
    assert foreign.items() <= foreign_part(switch.observed, FLEET).items()
    assert guarded <= policies.keys() | _tunnels(desired, policies)
    agent.turn(replace(desired, grants=Grants(1, mended=1)))
    assert set(agent.drift.left) <= {
        each for each in guarded if policy_of(desired, each) is DriftPolicy.IGNORE
    }
    agent.turn(replace(desired, safety=Safety()))
    assert_at_rest(switch, desired)


def _tunnels(desired: HostState, policies: Mapping[str, DriftPolicy]) -> set[str]:
    segments = {each.removeprefix("segment:") for each in policies}
    return {
        each
        for each in desired_ids(desired)
        if each.removeprefix("tunnel:").partition("/")[0] in segments
    }
