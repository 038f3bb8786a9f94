"""Explicit Linux bridges, from what the controller sends to what ip(8) and the workloads see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import ErrorKind
from agent.model import Bridge, BridgeType, DatapathType, Port, PortType
from tests.support.agent_frames import BROADCAST, Tap, hear
from tests.support.bridge_site import LAN, Site, bridge_site, veth
from tests.support.netns import Namespace

pytestmark = pytest.mark.integration

ISOLATED = {"IFLA_BRPORT_ISOLATED": 1}


@pytest.fixture
def site(netns: Namespace, tmp_path: Path) -> Iterator[Site]:
    with bridge_site(netns, tmp_path) as made:
        yield made


def test_a_bridge_and_its_ports_are_as_intended_and_an_idle_restart_writes_nothing(
    site: Site,
) -> None:
    tap = Port("port:3", "tap3", PortType.TAP, LAN.name, bridge_port_attributes=ISOLATED)
    lively = veth(site, 1, bridge_port_attributes={"IFLA_BRPORT_COST": 7, "IFLA_BRPORT_MODE": 1})
    site.realize(lively, tap)
    found = site.bridge()
    assert (found["ageing_time"], found["mcast_snooping"]) == (6000, 0)
    told = site.port("ve1")
    assert (told["master"], told["cost"], told["hairpin"]) == (LAN.name, 7, True)
    assert site.port("tap3")["isolated"]
    assert site.restart() == (0, 0)


def test_what_intent_names_no_more_goes_back_to_the_kernels_default_also_after_a_restart(
    site: Site,
) -> None:
    port = veth(site, 1, bridge_port_attributes={"IFLA_BRPORT_COST": 7, "IFLA_BRPORT_LEARNING": 0})
    site.realize(port)
    own = ("link", "set", "dev", LAN.name, "type", "bridge", "mcast_querier", "1")
    site.host.netns.ip(*own)
    site.host.netns.ip("link", "set", "dev", "ve1", "type", "bridge_slave", "guard", "on")
    site.realize(veth(site, 1), bridges=(replace(LAN, link_attributes={}),))
    found, told = site.bridge(), site.port("ve1")
    assert (found["ageing_time"], found["mcast_snooping"]) == (30000, 1)
    assert (told["cost"], told["learning"]) == (2, True)
    assert (found["mcast_querier"], told["guard"]) == (1, True), "what nobody named is left alone"
    assert site.restart() == (0, 0)


def test_what_this_kernel_cannot_do_is_said_and_the_rest_is_done(site: Site) -> None:
    asked = {
        "IFLA_BR_AGEING_TIME": 6000,
        "IFLA_BR_VLAN_FILTERING": 1,
        "IFLA_BR_VLAN_DEFAULT_PVID": 9,
    }
    (said,) = site.refusals(veth(site, 1), bridges=(replace(LAN, link_attributes=asked),))
    assert (said.resource, said.kind, said.reason) == (
        LAN.id,
        ErrorKind.UNSUPPORTED,
        "NotSupported",
    )
    assert "IFLA_BR_VLAN_FILTERING" in said.message
    assert "IFLA_BR_VLAN_DEFAULT_PVID" in said.message
    assert "AGEING" not in said.message.partition(": ")[2]
    assert site.bridge()["ageing_time"] == 6000
    assert site.port("ve1")["master"] == LAN.name
    tagged = (veth(site, 1), veth(site, 2, tag=7))
    filtering = (replace(LAN, link_attributes=asked),)
    first = site.refusals(*tagged, bridges=filtering)
    assert {each.resource: each.kind for each in first} == dict.fromkeys(
        (LAN.id, "port:2"), ErrorKind.UNSUPPORTED
    )
    assert "ve2" not in site.up()
    assert site.turn() == (0, 0)
    assert site.refusals(*tagged, bridges=filtering)[1].message.startswith("port ve2 is to be in")


def test_a_vxlan_device_of_somebody_elses_is_a_port_like_any_other(site: Site) -> None:
    device = ("type", "vxlan", "id", "77", "dstport", "5555", "local", "127.0.0.1")
    site.host.netns.ip("link", "add", "uplink", *device)
    site.host.netns.ip("link", "set", "uplink", "alias", "tenant uplink")
    told = ISOLATED | {"IFLA_BRPORT_LEARNING": 0}
    site.realize(
        Port("port:u", "uplink", PortType.SYSTEM, LAN.name, mtu=0, bridge_port_attributes=told)
    )
    assert site.port("uplink")["isolated"]
    assert site.restart() == (0, 0)


def test_a_value_that_the_kernel_refuses_is_the_intents_fault(site: Site) -> None:
    asked = {"IFLA_BR_GROUP_FWD_MASK": 1, "IFLA_BR_HELLO_TIME": 300}
    (said,) = site.refusals(bridges=(replace(LAN, link_attributes=asked),))
    assert (said.resource, said.kind, said.reason) == (LAN.id, ErrorKind.INVALID, "ValueRefused")
    assert "IFLA_BR_GROUP_FWD_MASK: Invalid argument" in said.message
    assert site.bridge()["hello_time"] == 300


def test_workloads_hear_each_other_unless_both_are_isolated(site: Site) -> None:
    plain, one, other = (veth(site, number) for number in (1, 2, 3))
    site.realize(
        plain,
        replace(one, bridge_port_attributes=ISOLATED),
        replace(other, bridge_port_attributes=ISOLATED),
    )
    with ExitStack() as stack:
        taps = [Tap(site.host.workload, f"e{number}") for number in (1, 2, 3)]
        for tap in taps:
            stack.callback(tap.close)
        taps[1].send(one.mac, BROADCAST, "isolated")
        taps[0].send(plain.mac, BROADCAST, "plain")
        assert hear(taps[0], ["isolated"]) == ["isolated"]
        assert hear(taps[2], ["plain"]) == ["plain"], "nothing of the isolated one"


def test_a_card_comes_into_the_bridge_and_is_let_go_unchanged_otherwise(site: Site) -> None:
    site.card()
    card = Port("port:card", "card", PortType.SYSTEM, LAN.name, mtu=1400)
    site.realize(card, veth(site, 1))
    (link,) = site.host.netns.ip_json("link", "show", "dev", "card")
    assert (link["master"], link["mtu"], "UP" in link["flags"]) == (LAN.name, 1400, True)
    assert "ifalias" not in link
    assert site.restart() == (0, 0)
    site.realize(veth(site, 1))
    assert site.port("card") == {}
    (link,) = site.host.netns.ip_json("link", "show", "dev", "card")
    assert (link["mtu"], "UP" in link["flags"]) == (1400, True)
    assert site.restart() == (0, 0)


def test_a_card_moves_between_bridges_and_to_another_port(site: Site) -> None:
    site.card()
    other = Bridge("bridge:wan", "br-wan", DatapathType.UNKNOWN, type=BridgeType.LINUX)
    card = Port("port:card", "card", PortType.SYSTEM, LAN.name)
    site.realize(card, bridges=(LAN, other))
    site.realize(replace(card, bridge=other.name), bridges=(LAN, other))
    assert site.port("card")["master"] == other.name
    site.realize(replace(card, id="port:again", bridge=other.name), bridges=(other,))
    assert site.port("card")["master"] == other.name
    assert LAN.name not in site.names()
    site.realize(bridges=())
    assert site.names() == {"card"}


def test_what_others_put_into_a_bridge_of_ours_is_theirs(site: Site) -> None:
    site.realize(veth(site, 1))
    site.card()
    site.host.netns.ip("link", "set", "card", "master", LAN.name)
    site.state = replace(site.state, removed=frozenset({LAN.id, "port:1"}))
    (said,) = site.refusals(bridges=())
    assert (said.resource, said.reason) == (LAN.id, "BridgeInUse")
    assert "card" in said.message
    assert site.names() == {LAN.name, "card"}
    site.host.netns.ip("link", "set", "card", "nomaster")
    assert site.refusals(bridges=()) == ()
    assert site.names() == {"card"}


def test_a_bridge_that_somebody_else_made_is_no_place_for_anything(site: Site) -> None:
    site.host.netns.ip("link", "add", LAN.name, "type", "bridge", "ageing_time", "4000")
    said = {each.resource: each.reason for each in site.refusals(veth(site, 1))}
    assert said == {LAN.id: "AlreadyTaken", "port:1": "BridgeFailed"}
    assert site.bridge()["ageing_time"] == 4000
    assert site.names() == {LAN.name}


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        (("link", "set", "card", "master", "theirs"), "DeviceEnslaved"),
        (("link", "add", "link", "card", "name", "above", "type", "macvlan"), "DeviceBusy"),
        (("address", "add", "198.51.100.9/24", "dev", "card"), "DeviceInUse"),
    ],
)
def test_a_card_that_others_use_stays_theirs(
    site: Site, deed: tuple[str, ...], reason: str
) -> None:
    site.card()
    site.host.netns.ip("link", "add", "theirs", "type", "bridge")
    site.host.netns.ip(*deed)
    before = site.port("card").get("master")
    (said,) = site.refusals(Port("port:card", "card", PortType.SYSTEM, LAN.name))
    assert (said.resource, said.kind, said.reason) == ("port:card", ErrorKind.CONFLICT, reason)
    assert site.port("card").get("master") == before
