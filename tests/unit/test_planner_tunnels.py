"""Explicit tunnels: ordinary ports of explicit bridges, whose options are managed one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import ErrorKind
from agent.model import Bridge, DatapathType, HostState, Tunnel
from agent.observed import Link, OvsInterface, OvsPort, Vxlan
from agent.planner import make_plan
from agent.planner.plan import AddPort, DeletePort, SetInterface
from tests.support.hosts import FLEET, OWN_HOST, bare_host
from tests.support.switch import Switch

TUNNEL = Tunnel("tunnel:x", "br-a", "192.0.2.1", "198.51.100.1", 20001, 4789, ttl="64", csum=True)
WANTED = HostState(
    FLEET,
    1,
    1,
    b"any",
    OWN_HOST,
    OWN_HOST,
    bridges=(Bridge("bridge:a", "br-a", DatapathType.NETDEV),),
    tunnels=(TUNNEL,),
)
IDENTITY = {
    "key": "20001",
    "remote_ip": "198.51.100.1",
    "local_ip": "192.0.2.1",
    "dst_port": "4789",
}


def realized(desired: HostState) -> Switch:
    switch = Switch(bare_host())
    assert switch.run(make_plan(desired, switch.observed)) == ()
    assert make_plan(desired, switch.observed).describe() == ()
    return switch


def with_tunnel(tunnel: Tunnel) -> HostState:
    return replace(WANTED, tunnels=(tunnel,))


def rows(switch: Switch) -> list[OvsPort]:
    return [port for port in switch.bridges["br-a"].ports if port.name != "br-a"]


def test_its_port_is_an_ordinary_one_with_exactly_the_options_that_are_intended() -> None:
    (row,) = rows(realized(WANTED))
    assert (row.tag, row.protected) == (None, False)
    assert row.interfaces[0].options == IDENTITY | {"ttl": "64", "csum": "true"}


def test_an_option_that_intent_no_longer_names_is_taken_out_and_a_foreign_one_stays() -> None:
    switch = realized(WANTED)
    (row,) = rows(switch)
    interface = row.interfaces[0]
    foreign: OvsInterface = replace(interface, options={**interface.options, "exts": "gbp"})
    bridge = switch.bridges["br-a"]
    ports = tuple(
        replace(port, interfaces=(foreign,)) if port is row else port for port in bridge.ports
    )
    switch.bridges["br-a"] = replace(bridge, ports=ports)
    desired = with_tunnel(replace(TUNNEL, ttl="", df_default=False, tag=7))
    plan = make_plan(desired, switch.observed)
    assert not [step for step in plan.stages[0].ovsdb if isinstance(step, AddPort | DeletePort)]
    switch.run(plan)
    (after,) = rows(switch)
    assert after.tag == 7
    assert after.interfaces[0].options == IDENTITY | {
        "csum": "true",
        "df_default": "false",
        "exts": "gbp",
    }
    assert make_plan(desired, switch.observed).describe() == ()


def test_a_step_says_in_words_what_it_takes_out() -> None:
    switch = realized(WANTED)
    plan = make_plan(with_tunnel(replace(TUNNEL, ttl="")), switch.observed)
    (step,) = plan.stages[0].ovsdb
    assert isinstance(step, SetInterface)
    assert step.describe().endswith(": ttl unset")


@pytest.mark.parametrize(
    "change", [{"vni": 20002}, {"remote_ip": "198.51.100.2"}, {"dst_port": 4790}]
)
def test_the_old_one_goes_in_the_transaction_that_makes_another_identity(
    change: dict[str, str | int],
) -> None:
    switch = realized(WANTED)
    desired = with_tunnel(replace(TUNNEL, **change))  # type: ignore[arg-type]
    plan = make_plan(desired, switch.observed)
    (stage,) = plan.stages
    assert [type(op) for op in stage.ovsdb] == [DeletePort, AddPort]
    switch.run(plan)
    assert make_plan(desired, switch.observed).describe() == ()


def test_a_tunnel_that_intent_deleted_goes_and_one_that_is_merely_absent_stays() -> None:
    switch = realized(WANTED)
    absent = replace(WANTED, tunnels=())
    (failure,) = make_plan(absent, switch.observed).failures
    assert (failure.resource, failure.reason) == (TUNNEL.id, "NotRemoved")
    switch.run(make_plan(replace(absent, removed=frozenset({TUNNEL.id})), switch.observed))
    assert rows(switch) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bridge": "br-none"}, "BridgeUnknown"),
        ({"remote_ip": "::"}, "AddressInvalid"),
        ({"local_ip": "here"}, "AddressInvalid"),
    ],
)
def test_a_tunnel_that_cannot_be_is_invalid(change: dict[str, str], reason: str) -> None:
    desired = with_tunnel(replace(TUNNEL, **change))  # type: ignore[arg-type]
    (failure,) = make_plan(desired, bare_host()).failures
    assert (failure.resource, failure.kind, failure.reason) == (
        TUNNEL.id,
        ErrorKind.INVALID,
        reason,
    )


def test_two_tunnels_of_one_identity_are_both_refused() -> None:
    desired = replace(WANTED, tunnels=(TUNNEL, replace(TUNNEL, id="tunnel:y")))
    failures = {each.resource: each.reason for each in make_plan(desired, bare_host()).failures}
    assert failures == {"tunnel:x": "NameNotUnique", "tunnel:y": "NameNotUnique"}


def test_a_foreign_device_of_the_kernel_on_its_udp_port_is_named() -> None:
    theirs = Link("theirs", 1, "vxlan", vxlan=Vxlan(7, "", 4789))
    (failure,) = make_plan(WANTED, bare_host(links={"theirs": theirs})).failures
    assert (failure.resource, failure.reason) == (TUNNEL.id, "UdpPortTaken")
    assert "the vxlan device theirs" in failure.message
