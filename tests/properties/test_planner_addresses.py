"""Addresses on our devices: those that the agent gave follow intent, all others stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.model import HostState, PortType
from agent.observed import Link
from agent.planner import make_plan
from tests.properties.test_planner import assert_at_rest, converge, move_on
from tests.support.hosts import FLEET, addresses, bare_host, desired_states
from tests.support.satisfaction import foreign_addresses, own_part
from tests.support.switch import Switch

FOREIGN = st.sets(
    st.sampled_from(
        # A lease and a virtual address beside ours, and some that intent may name as well.
        ("10.0.0.77/24", "192.0.2.77/32", "fd00::77/64", "10.0.0.1/24", "10.0.0.1/25", "fd00::2/64")
    )
)


def interfere(switch: Switch, data: st.DataObject) -> None:
    """Others give the devices on this host, and in its namespaces, addresses without our mark."""

    def give(link: Link) -> Link:
        foreign = data.draw(FOREIGN, label=f"foreign addresses of {link.name}")
        return replace(link, addresses=link.addresses | foreign)

    change_all(switch, give)


def change_all(switch: Switch, change: Callable[[Link], Link]) -> None:
    for name, link in switch.kernel.links.items():
        switch.kernel.links[name] = change(link)
    for place, link in switch.kernel.peers.items():
        switch.kernel.peers[place] = change(link)


@st.composite
def readdressed(draw: st.DrawFn, state: HostState) -> HostState:
    """The same ports with other addresses, where the workload's end is ours to give them."""
    ports = tuple(
        replace(port, addresses=draw(addresses()))
        if port.type in (PortType.INTERNAL, PortType.VETH)
        else port
        for port in state.ports
    )
    return replace(state, ports=ports)


@given(desired_states(), st.data())
def test_a_foreign_address_on_a_device_of_ours_stays_whatever_becomes_of_our_own(
    first: HostState, data: st.DataObject
) -> None:
    switch = Switch(bare_host())
    converge(switch, first)
    interfere(switch, data)
    before = foreign_addresses(switch.observed)
    second = data.draw(readdressed(first), label="second")
    for desired in (first, second, first):
        converge(switch, desired)
        assert foreign_addresses(switch.observed) == before
        assert_at_rest(switch, desired)


@given(desired_states(), desired_states(), st.data())
def test_a_foreign_address_stays_as_long_as_its_device(
    first: HostState, second: HostState, data: st.DataObject
) -> None:
    switch = Switch(bare_host())
    converge(switch, first)
    interfere(switch, data)
    before = foreign_addresses(switch.observed)
    converge(switch, move_on(second, first))
    after = foreign_addresses(switch.observed)
    for ifindex in before.keys() & after.keys():
        assert after[ifindex] == before[ifindex]


@given(desired_states(), st.data())
def test_addresses_that_others_gave_meanwhile_do_not_keep_our_own_from_being_restored(
    first: HostState, data: st.DataObject
) -> None:
    switch = Switch(bare_host())
    converge(switch, first)
    before = own_part(switch.observed, FLEET)
    interfere(switch, data)
    converge(switch, data.draw(readdressed(first), label="second"))
    change_all(switch, lambda link: replace(link, addresses=link.owned_addresses))
    converge(switch, first)
    assert own_part(switch.observed, FLEET) == before


@given(desired_states())
def test_what_somebody_else_gave_as_desired_is_neither_given_again_nor_taken_away(
    desired: HostState,
) -> None:
    switch = Switch(bare_host())
    converge(switch, desired)
    change_all(switch, lambda link: replace(link, owned_addresses=frozenset()))
    assert make_plan(desired, switch.observed).describe() == ()
    before = foreign_addresses(switch.observed)
    none = tuple(replace(port, addresses=frozenset[str]()) for port in desired.ports)
    converge(switch, replace(desired, ports=none))
    assert foreign_addresses(switch.observed) == before
