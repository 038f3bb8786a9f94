"""Devices of others that a change set up: taken in on trial, and left as they were found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.model import Bridge, BridgeType, DatapathType, HostState, Port, PortType
from agent.observed import Link, ObservedState, Way
from agent.planner import make_plan, still_released
from agent.planner.cards import found_on_cards
from agent.safety import Grants
from agent.undoing import gone_back
from tests.support.hosts import FLEET, OVERLAY, OWN_HOST, bare_host
from tests.support.switch import Switch

LINUX = Bridge("bridge:l", "br-lin", DatapathType.SYSTEM, type=BridgeType.LINUX)
OVS = Bridge("bridge:o", "br-ovs", DatapathType.NETDEV)
PLUGGED = Port("port:c", "card", PortType.SYSTEM, LINUX.name, mtu=1400)
SWITCHED = replace(PLUGGED, bridge=OVS.name)
BONDED = Port("port:b", "bond0", PortType.BOND, OVS.name, mtu=1400, members=("card",))
CARD = Link("card", 7, mac="02:00:00:00:00:07", mtu=1500, addresses=frozenset({"192.0.2.7/24"}))
WAY = frozenset({Way("192.0.2.1", "card", "192.0.2.7")})


def _state(*ports: Port, **differences: object) -> HostState:
    state = HostState(FLEET, 1, 1, b"x", OWN_HOST, OWN_HOST, overlay=OVERLAY, ports=ports)
    return replace(state, bridges=(LINUX, OVS), **differences)  # type: ignore[arg-type]


def _run(desired: HostState, switch: Switch) -> ObservedState:
    for _ in range(4):
        observed = replace(switch.observed, ways=WAY)
        switch.run(make_plan(desired, observed, may_cut=True))
    released = still_released(desired, switch.observed)
    assert make_plan(replace(desired, released=released), switch.observed).is_empty
    assert released == frozenset()
    return switch.observed


@pytest.mark.parametrize("port", [PLUGGED, SWITCHED, BONDED])
def test_a_card_is_after_a_change_that_is_undone_as_it_was_before(port: Port) -> None:
    before, after = _state(), _state(port)
    switch = Switch(bare_host(links={"card": CARD}))
    _run(before, switch)
    found = found_on_cards(after, switch.observed)
    changed = _run(after, switch).links["card"]
    assert (changed.mtu, changed.up) == (1400, True)
    undone = _run(gone_back(after, before, frozenset(), found), switch).links["card"]
    assert undone == CARD


def test_what_the_older_state_asks_for_or_somebody_changed_since_is_not_given_back() -> None:
    before, after = _state(replace(PLUGGED, mtu=0)), _state(replace(PLUGGED, mtu=1300))
    switch = Switch(bare_host(links={"card": CARD}))
    _run(before, switch)
    found = found_on_cards(after, switch.observed)
    _run(after, switch)
    link = switch.kernel.links["card"]
    undone = gone_back(after, before, frozenset(), found)
    assert _run(undone, switch).links["card"] == replace(link, mtu=1500)
    switch.kernel.links["card"] = replace(link, mtu=1350)
    assert _run(undone, switch).links["card"] == replace(link, mtu=1350)


@pytest.mark.parametrize("port", [PLUGGED, SWITCHED, BONDED])
def test_a_card_with_the_hosts_own_address_is_taken_in_on_trial_or_by_force_alone(
    port: Port,
) -> None:
    switch = Switch(bare_host(links={"card": CARD}))
    for _ in range(2):
        switch.run(make_plan(_state(), switch.observed))
    observed = replace(switch.observed, ways=WAY)
    assert [each.reason for each in make_plan(_state(port), observed).failures] == ["DeviceInUse"]
    assert make_plan(_state(port), observed, may_cut=True).failures == ()
    elsewhere = replace(observed, ways=frozenset({Way("192.0.2.1", "eth9", "192.0.2.8")}))
    (failure,) = make_plan(_state(port), elsewhere, may_cut=True).failures
    assert failure.reason == "DeviceInUse"
    forced = _state(port, grants=Grants(1, frozenset({port.id})))
    assert make_plan(forced, elsewhere).failures == ()
