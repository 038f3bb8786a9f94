"""What is told of a host as foreign: all of it, and nothing of ours, whatever is on the host."""

from __future__ import annotations

from hypothesis import given

from agent.model import HostState
from agent.observed import ObservedState
from agent.planner import make_plan
from agent.planner.foreign import Foreign, foreign
from agent.planner.ownership import aliased_id, owned_id
from tests.support.hosts import DEVICES, FLEET, bare_host, desired_states
from tests.support.strange_hosts import strange_hosts
from tests.support.switch import Switch


def rows_of(found: Foreign) -> set[tuple[str, ...]]:
    """Names of bridges, ports and interfaces that are not ours, where they are."""
    bridges = {(each.row.name,) for each in found.bridges if not each.is_ours}
    ports = {(each.row.name, port.name) for each in found.bridges for port in each.ports}
    interfaces = {
        (each.row.name, port.name, interface.name)
        for each in found.bridges
        for port in each.ports
        for interface in port.interfaces
    }
    return bridges | ports | interfaces


def plugged_by_us(observed: ObservedState) -> set[str]:
    return {
        interface.name
        for bridge in observed.bridges.values()
        for port in bridge.ports
        for interface in port.interfaces
        if owned_id(interface.external_ids, FLEET)
    }


@given(desired_states(), strange_hosts())
def test_nothing_of_ours_is_told_and_what_others_have_is_told_before_and_after(
    desired: HostState, strange: ObservedState
) -> None:
    switch = Switch(strange)
    before, cards = foreign(switch.observed, FLEET), set(switch.observed.links)
    switch.run(make_plan(desired, switch.observed))
    found = foreign(switch.observed, FLEET)
    assert rows_of(found) == rows_of(before)
    names = {link.name for link in found.links}
    assert not {name for name in names if aliased_id(switch.observed.links[name], FLEET)}
    # A card that a port of ours takes is the only thing that is foreign no longer.
    taken = plugged_by_us(switch.observed) & cards
    assert names == {link.name for link in before.links} - taken
    assert found.bridges_total == len(found.bridges)
    assert found.ports_total == sum(len(each.ports) for each in found.bridges)
    assert found.links_total == len(found.links)


@given(desired_states())
def test_on_a_machine_of_ours_alone_only_cards_that_no_port_takes_are_foreign(
    desired: HostState,
) -> None:
    switch = Switch(bare_host())
    switch.run(make_plan(desired, switch.observed))
    found = foreign(switch.observed, FLEET)
    assert found.bridges == ()
    assert {link.name for link in found.links} == DEVICES.keys() - plugged_by_us(switch.observed)
