"""Ports on devices that somebody else made: they are the host's first, and ours second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.errors import ErrorKind
from agent.model import HostState, OvsInterface, OvsPort, Port, PortType
from agent.planner import make_plan
from tests.support.hosts import DEVICES, FLEET, OVERLAY, OWN_HOST, bare_host
from tests.support.switch import Switch

CARD = Port("port:c", "eth1", PortType.SYSTEM, OVERLAY.name, mtu=0)
BOND = Port("port:b", "bond0", PortType.BOND, OVERLAY.name, mtu=0, members=("eth3", "eth4"))


def wanting(*ports: Port, removed: frozenset[str] = frozenset()) -> HostState:
    return HostState(
        FLEET, 1, 1, b"x", OWN_HOST, OWN_HOST, overlay=OVERLAY, ports=ports, removed=removed
    )


def settled(desired: HostState, switch: Switch) -> Switch:
    for _ in range(4):
        switch.run(make_plan(desired, switch.observed))
    assert make_plan(desired, switch.observed).is_empty
    return switch


def bare_switch(*missing: str) -> Switch:
    links = {name: link for name, link in DEVICES.items() if name not in missing}
    return Switch(bare_host(links=links))


def row(switch: Switch, name: str) -> OvsPort:
    ports = switch.bridges[OVERLAY.name].ports
    (found,) = (each for each in ports if each.name == name)
    return found


def members(switch: Switch, name: str) -> list[str]:
    return sorted(each.name for each in row(switch, name).interfaces)


def change_row(switch: Switch, name: str, change: Callable[[OvsPort], OvsPort]) -> None:
    """As somebody does by hand."""
    bridge = switch.bridges[OVERLAY.name]
    ports = (change(each) if each.name == name else each for each in bridge.ports)
    switch.bridges[OVERLAY.name] = replace(bridge, ports=tuple(ports))
    switch.reconfigure()


def change_interfaces(
    switch: Switch, name: str, change: Callable[[OvsInterface], OvsInterface]
) -> None:
    change_row(
        switch, name, lambda port: replace(port, interfaces=tuple(map(change, port.interfaces)))
    )


@pytest.mark.parametrize("port", [CARD, BOND])
def test_a_card_that_carries_the_hosts_own_addresses_is_not_plugged_in_until_they_have_moved(
    port: Port,
) -> None:
    switch = settled(wanting(), bare_switch())
    name = (*port.members, port.interface)[0]
    own = frozenset({"192.0.2.7/24", "169.254.3.4/16"})
    switch.kernel.links[name] = replace(DEVICES[name], addresses=own)
    plan = make_plan(wanting(port), switch.observed)
    assert plan.is_empty
    (failure,) = plan.failures
    assert (failure.kind, failure.reason) == (ErrorKind.CONFLICT, "DeviceInUse")
    assert f"ip addr add 192.0.2.7/24 dev {OVERLAY.name}" in failure.message
    assert "169.254" not in failure.message
    switch.kernel.links[name] = DEVICES[name]
    settled(wanting(port), switch)
    assert make_plan(wanting(port), switch.observed).failures == ()


def test_a_card_that_is_plugged_in_stays_so_whatever_addresses_it_is_given() -> None:
    switch = settled(wanting(CARD), bare_switch())
    link = switch.kernel.links["eth1"]
    switch.kernel.links["eth1"] = replace(link, addresses=frozenset({"192.0.2.7/24"}))
    assert make_plan(wanting(CARD), switch.observed).describe() == ()
