"""Ports on devices that somebody else made: they are the host's first, and ours second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.columns import Settings
from agent.errors import ErrorKind
from agent.model import HostState, Port, PortType
from agent.observed import OvsInterface, OvsPort
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
    assert f"ovsfleet release HOST --force --only {port.id}" in failure.message
    assert "169.254" not in failure.message
    switch.kernel.links[name] = DEVICES[name]
    settled(wanting(port), switch)
    assert make_plan(wanting(port), switch.observed).failures == ()


def test_a_card_that_is_plugged_in_stays_so_whatever_addresses_it_is_given() -> None:
    switch = settled(wanting(CARD), bare_switch())
    link = switch.kernel.links["eth1"]
    switch.kernel.links["eth1"] = replace(link, addresses=frozenset({"192.0.2.7/24"}))
    assert make_plan(wanting(CARD), switch.observed).describe() == ()


@pytest.mark.parametrize("port", [CARD, BOND])
def test_a_card_that_open_vswitch_refuses_is_neither_taken_down_nor_given_another_mtu(
    port: Port,
) -> None:
    wish = replace(port, mtu=1300, admin_down=True)
    first = make_plan(wanting(wish), bare_host())
    assert all(step.name not in DEVICES for stage in first.stages for step in stage.post)
    switch = settled(wanting(port), bare_switch())
    name = (*port.members, port.interface)[0]
    is_refused = {"ofport": -1, "error": "Device or resource busy"}
    rows = tuple(
        replace(each, **is_refused) if each.name == name else each  # type: ignore[arg-type]
        for each in row(switch, port.interface).interfaces
    )
    bridge = switch.bridges[OVERLAY.name]
    ports = (
        replace(each, interfaces=rows) if each.name == port.interface else each
        for each in bridge.ports
    )
    refused = replace(switch.observed, bridges={bridge.name: replace(bridge, ports=tuple(ports))})
    plan = make_plan(wanting(wish), refused)
    assert [each.reason for each in plan.failures] == ["InterfaceError"]
    touched = {step.name for stage in plan.stages for step in stage.post}
    assert touched == set(port.members) - {name}


@pytest.mark.parametrize("port", [CARD, BOND])
def test_an_mtu_and_a_mac_that_somebody_asked_for_in_the_row_of_a_card_stay(port: Port) -> None:
    switch = settled(wanting(port), bare_switch())
    asked = {"mtu_request": 9000, "mac": "02:00:00:00:00:09"}
    change_interfaces(switch, port.interface, lambda each: replace(each, **asked))  # type: ignore[arg-type]
    assert make_plan(wanting(port), switch.observed).describe() == ()


THEIRS = Settings({"bond_downdelay": (7,)}, {"other_config": {"theirs": "1"}})


@pytest.mark.parametrize("is_noticed", [True, False])
@pytest.mark.parametrize("port", [CARD, BOND])
def test_a_row_waits_for_its_device_and_keeps_what_others_put_into_it(
    port: Port, is_noticed: bool
) -> None:
    switch = settled(wanting(port), bare_switch())
    change_row(switch, port.interface, lambda row: replace(row, settings=THEIRS))
    names = port.members or (port.interface,)
    for name in names:
        switch.kernel.delete_link(name)
    if is_noticed:
        switch.stop_vswitchd()
        switch.start_vswitchd()
    settled(wanting(port), switch)
    assert members(switch, port.interface) == sorted(names)
    assert row(switch, port.interface).settings == THEIRS
    reasons = {each.reason for each in make_plan(wanting(port), switch.observed).failures}
    assert reasons == {"DeviceMissing"}
    for index, name in enumerate(names, start=901):
        switch.kernel.links[name] = replace(DEVICES[name], ifindex=index)
        switch.reconfigure()
        settled(wanting(port), switch)
        assert not switch.dead_ports & {name}
    assert make_plan(wanting(port), switch.observed).failures == ()
    assert members(switch, port.interface) == sorted(names)
    if is_noticed or port is BOND:
        assert row(switch, port.interface).settings == THEIRS


def bond(name: str, *of: str) -> Port:
    return replace(BOND, id=f"port:{name}", interface=name, members=of)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            (bond("bond0", "eth1", "eth2"), bond("bond1", "eth3", "eth4")),
            (bond("bond0", "eth1", "eth4"), bond("bond1", "eth3", "eth2")),
        ),
        (
            (bond("bond0", "eth1", "eth2"), bond("bond1", "eth3", "eth4")),
            (bond("bond0", "eth3", "eth4"), bond("bond1", "eth1", "eth2")),
        ),
        (
            (bond("bond0", "eth1", "eth2"), replace(CARD, interface="eth3")),
            (bond("bond0", "eth1", "eth3"), replace(CARD, interface="eth2")),
        ),
        (
            (bond("bond0", "eth1", "eth2", "eth5"), bond("bond1", "eth3", "eth4")),
            (bond("bond0", "eth1", "eth5"), bond("bond1", "eth2", "eth3", "eth4")),
        ),
    ],
)
def test_ports_exchange_their_cards(before: tuple[Port, ...], after: tuple[Port, ...]) -> None:
    switch = settled(wanting(*before), bare_switch())
    plan = make_plan(wanting(*after), switch.observed)
    assert plan.failures == ()
    assert switch.run(plan) == ()
    for port in after:
        assert members(switch, port.interface) == sorted(port.members or (port.interface,))
    settled(wanting(*after), switch)
    assert not switch.dead_ports


def test_a_bond_with_one_dead_card_is_renewed_while_another_joins() -> None:
    switch = settled(wanting(BOND), bare_switch("eth4"))
    switch.kernel.links["eth3"] = replace(DEVICES["eth3"], ifindex=901)
    switch.kernel.links["eth4"] = DEVICES["eth4"]
    switch.reconfigure()
    assert switch.dead_ports == {"eth3"}
    change_row(switch, "bond0", lambda row: replace(row, settings=THEIRS))
    settled(wanting(BOND), switch)
    assert (members(switch, "bond0"), switch.dead_ports) == (["eth3", "eth4"], frozenset())
    assert row(switch, "bond0").settings == THEIRS
