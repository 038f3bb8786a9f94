"""Explicit Linux bridges: what is refused and said, without a kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.columns import Settings
from agent.errors import ErrorKind, Failure
from agent.model import (
    Bridge,
    BridgeType,
    DatapathType,
    HostState,
    PatchPeer,
    Port,
    PortType,
    Tunnel,
)
from agent.planner import make_plan, owed_releases, still_enslaved, still_released
from tests.support.hosts import DEVICES, FLEET, OWN_HOST, bare_host
from tests.support.switch import Switch

LAN = Bridge("bridge:a", "br-a", DatapathType.UNKNOWN, type=BridgeType.LINUX)
TAP = Port("port:a", "tap0", PortType.TAP, "br-a")
CARD = Port("port:card", "eth1", PortType.SYSTEM, "br-a")


def state(*ports: Port, bridges: tuple[Bridge, ...] = (LAN,), **other: Any) -> HostState:
    return HostState(FLEET, 1, 1, b"any", OWN_HOST, OWN_HOST, bridges=bridges, ports=ports, **other)


def only(desired: HostState, switch: Switch | None = None) -> Failure:
    (failure,) = make_plan(desired, (switch or Switch(bare_host())).observed).failures
    return failure


@pytest.mark.parametrize(
    ("port", "reason"),
    [
        (replace(TAP, type=PortType.INTERNAL), "InternalNeedsOvs"),
        (replace(TAP, type=PortType.PATCH, patch=PatchPeer("br-a", "far")), "BridgeUnknown"),
        (replace(TAP, type=PortType.BOND, members=("eth1", "eth2")), "InternalNeedsOvs"),
        (replace(TAP, interface_settings=Settings({"lldp": ()})), "SettingsNeedOvs"),
        (replace(TAP, tag=5), "VlansNeedFiltering"),
        (replace(TAP, trunks=frozenset({5})), "VlansNeedFiltering"),
        (replace(TAP, bridge_port_attributes={"IFLA_BRPORT_ISOLATED": 256}), "ValueRefused"),
    ],
)
def test_what_a_port_of_a_linux_bridge_cannot_be_is_the_intents_fault(
    port: Port, reason: str
) -> None:
    failure = only(state(port))
    assert (failure.resource, failure.kind, failure.reason) == (
        port.id,
        ErrorKind.INVALID,
        reason,
    )


def test_an_attribute_of_a_later_version_is_unsupported_and_the_others_are_set() -> None:
    told = {"IFLA_BR_STP_STATE": 1, "IFLA_BR_FROM_THE_FUTURE": 1}
    desired = state(bridges=(replace(LAN, link_attributes=told),))
    switch = Switch(bare_host())
    failure = only(desired, switch)
    assert (failure.kind, failure.reason) == (ErrorKind.UNSUPPORTED, "AttributeUnsupported")
    assert "IFLA_BR_FROM_THE_FUTURE" in failure.message
    switch.run(make_plan(desired, switch.observed))
    assert switch.kernel.links["br-a"].bridge_attributes == {"IFLA_BR_STP_STATE": 1}


def test_a_tunnel_cannot_end_on_a_linux_bridge() -> None:
    tunnel = Tunnel("tunnel:x", "br-a", "203.0.113.1", "198.51.100.1", 7, 4789)
    failure = only(state(tunnels=(tunnel,)))
    assert (failure.resource, failure.kind) == ("tunnel:x", ErrorKind.INVALID)


def test_a_card_stays_until_intent_says_that_its_port_was_deleted() -> None:
    switch = Switch(bare_host())
    first = state(CARD)
    switch.run(make_plan(first, switch.observed))
    absent = replace(state(), released=owed_releases(first, state()))
    failure = only(absent, switch)
    assert (failure.resource, failure.reason) == (CARD.id, "NotRemoved")
    assert make_plan(absent, switch.observed).is_empty
    assert still_enslaved(still_released(absent, switch.observed)) == {CARD.id}

    deleted = replace(absent, removed=frozenset({CARD.id}))
    switch.run(make_plan(deleted, switch.observed))
    assert switch.kernel.links["eth1"].master == ""
    assert make_plan(deleted, switch.observed).describe() == ()
    assert not still_released(deleted, switch.observed)


def test_a_card_that_somebody_took_out_is_put_back_and_one_put_in_by_hand_stays() -> None:
    switch = Switch(bare_host())
    desired = state(CARD)
    switch.run(make_plan(desired, switch.observed))
    switch.kernel.links["eth1"] = DEVICES["eth1"]
    switch.kernel.links["eth2"] = replace(DEVICES["eth2"], master="br-a")
    switch.run(make_plan(desired, switch.observed))
    assert {switch.kernel.links[name].master for name in ("eth1", "eth2")} == {"br-a"}
    gone = replace(
        state(bridges=()),
        released=owed_releases(desired, state(bridges=())),
        removed=frozenset({LAN.id, CARD.id}),
    )
    failure = only(gone, switch)
    assert (failure.resource, failure.reason) == (LAN.id, "BridgeInUse")
    switch.run(make_plan(gone, switch.observed))
    assert [switch.kernel.links[name].master for name in ("eth1", "eth2")] == ["", "br-a"]
