"""What is told of a host as foreign: all of it, and nothing of ours, whatever is on the host."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.model import BROADCAST_FDB, HostState
from agent.observed import FdbEntry, Link, ObservedState, Vxlan
from agent.planner import make_plan
from agent.planner.foreign import Foreign, foreign
from agent.planner.ownership import aliased_id, owned_id
from tests.properties.test_planner import converge, move_on
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


STRANGERS = frozenset({FdbEntry("02:00:00:00:09:09", "192.0.2.2")})
FLOODS = STRANGERS | {FdbEntry(BROADCAST_FDB, "192.0.2.99")}
THEIR_VXLAN = Link("vx9", 90, "vxlan", up=True, vxlan=Vxlan(77, dst_port=8475, learning=True))


def add_entries(switch: Switch) -> dict[int, frozenset[FdbEntry]]:
    """Somebody adds to all forwarding tables: to floods only where the device is his."""
    added = {}
    for link in switch.kernel.links.values():
        if link.kind == "vxlan":
            entries = STRANGERS if aliased_id(link, FLEET) else FLOODS
            table = switch.kernel.forwarding.setdefault(link.ifindex, {})
            table.update(dict.fromkeys(entries, False))
            added[link.ifindex] = entries
    return added


@settings(max_examples=settings().max_examples // 3)
@given(desired_states(), desired_states(), strange_hosts(), st.booleans())
@example(
    HostState(FLEET, 1, 1, b"", "h0", "h0"),
    HostState(FLEET, 1, 1, b"", "h0", "h0"),
    bare_host(),
    False,
).via("foreign devices alone")
def test_forwarding_entries_of_others_stay_on_their_devices_and_on_ours(
    first: HostState, second: HostState, strange: ObservedState, is_emptied: bool
) -> None:
    switch = Switch(replace(strange, links={**strange.links, THEIR_VXLAN.name: THEIR_VXLAN}))
    converge(switch, first)
    added = add_entries(switch)
    assert added
    empty = replace(second, ports=(), bridges=(), attachments=(), tunnels=(), fragments={})
    for desired in (first, move_on(empty if is_emptied else second, first)):
        converge(switch, desired)
        present = {link.ifindex for link in switch.kernel.links.values()}
        for index in added.keys() & present:
            table = switch.kernel.forwarding[index]
            assert added[index] <= {entry for entry, is_ours in table.items() if not is_ours}
    assert THEIR_VXLAN.ifindex in present
