"""Ways to the controller that are not known, and what it takes to go back the way one came."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent import purge as purging
from agent.config import Settings
from agent.controlplane.whereabouts import Whereabouts
from agent.model import Bridge, BridgeType, DatapathType, Port, PortType, VethPeer
from agent.netlink.known_ways import KnownWays
from agent.observed import SOMEWHERE, Link, Way
from agent.purge_command import Wish, _previewed, ssh_peer
from agent.report import Outcome
from agent.safety import ConfirmPolicy, Grants, Safety
from tests.support.agent_loop import Host, adds, state

CONTROLLER, OTHER = "203.0.113.9", "2001:db8::9"
ENDS = frozenset({CONTROLLER})
WAY = Way(CONTROLLER, "a", "192.0.2.10")
BASE = state(1)
RETAGGED = state(2, ports=(dataclasses.replace(BASE.ports[0], tag=7), BASE.ports[1]))
LAN = Bridge("bridge:lan", "br-lan", DatapathType.SYSTEM, type=BridgeType.LINUX)
CAREFUL = Safety(confirm=ConfirmPolicy.ALWAYS)
CARD = Port("port:card", "eth0", PortType.SYSTEM, "br-lan")


def tag_of(host: Host, name: str) -> int | None:
    return next(p.tag for p in host.switch.bridges["br-fleet"].ports if p.name == name)


async def test_whatever_may_be_the_way_is_tried_while_that_is_not_known(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.realize(BASE)
    host.kernel.is_way_known = False
    delay = await host.realize(RETAGGED)
    assert host.reasons() == {"change": "OnTrial"}
    await host.turn_at(delay)
    assert host.outcome() is Outcome.REVERTED
    assert "the way to the controller, which is not known" in host.reports[-1].failures[0].message
    assert tag_of(host, "a") == 2
    host.switch.refuses = adds("c")
    more = (*BASE.ports, Port("port:c", "c", PortType.INTERNAL, "br-fleet", tag=2))
    await host.realize(state(3, ports=more, grants=Grants(1, released=3)))
    assert host.reasons() == {"change": "OnTrial", "port:c": "Refused"}
    assert not host.round_trip.is_open  # once it is confirmed, port c would come without a trial


async def test_what_was_here_in_no_confirmed_state_is_changed_on_the_way_by_force_alone(
    tmp_path: Path,
) -> None:
    known = Host(tmp_path)
    await known.realize(BASE)
    bare = Host(tmp_path / "new disk", known.switch)
    bare.kernel.ways = {CONTROLLER: WAY}
    await bare.realize(RETAGGED)
    assert (bare.reasons(), tag_of(bare, "a")) == ({"port:a": "NoWayBack"}, 2)
    fresh = Host(tmp_path / "newer disk", known.switch)
    fresh.kernel.ways = {CONTROLLER: WAY}
    delay = await fresh.realize(
        dataclasses.replace(RETAGGED, grants=Grants(1, frozenset({"port:a"})))
    )
    assert fresh.reasons() == {"change": "OnTrial"}
    await fresh.turn_at(delay)
    message = fresh.reports[-1].failures[0].message
    assert "stays as that left it: overlay, port:a, port:b. " in message


async def test_a_card_that_got_addresses_meanwhile_goes_back_into_its_bridge(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path)
    links = host.switch.kernel.links
    links["eth0"] = Link("eth0", 77, up=True)
    base = state(1, bridges=(LAN,), ports=(*BASE.ports, CARD))
    await host.realize(base)
    assert links["eth0"].master == "br-lan"
    host.kernel.ways = {CONTROLLER: dataclasses.replace(WAY, device="br-lan")}
    out = dataclasses.replace(
        base, revision=2, hash=b"2", ports=BASE.ports, removed=frozenset({"port:card"})
    )
    delay = await host.realize(out)
    assert (host.reasons(), links["eth0"].master) == ({"change": "OnTrial"}, "")
    links["eth0"] = dataclasses.replace(links["eth0"], addresses=frozenset({"2001:db8::5/64"}))
    await host.turn_at(delay)
    assert (host.outcome(), links["eth0"].master) == (Outcome.REVERTED, "br-lan")


@pytest.mark.parametrize("what", ["vswitchd", "database"])
async def test_a_card_goes_back_though_open_vswitch_is_dead(tmp_path: Path, what: str) -> None:
    host = Host(tmp_path)
    links = host.switch.kernel.links
    links["eth0"] = Link("eth0", 77, up=True)
    base = state(1, bridges=(LAN,))
    await host.realize(base)
    veth = Port("port:v", "v", PortType.VETH, "br-fleet", tag=2, peer=VethPeer("blue", "eth1"))
    more = dataclasses.replace(base, revision=2, hash=b"2", ports=(*base.ports, veth, CARD))
    delay = await host.realize(dataclasses.replace(more, safety=CAREFUL))
    assert links["eth0"].master == "br-lan"
    if what == "database":
        host.ovsdb.connected = False
    else:
        host.switch.stop_vswitchd()
    await host.turn_at(delay)
    assert (host.outcome(), links["eth0"].master) == (Outcome.HELD, "")
    assert {"v", "br-lan"} <= links.keys()  # what is Open vSwitch's too waits for it
    host.ovsdb.connected = True
    host.switch.start_vswitchd()
    await host.turn_at(30)
    assert host.outcome() is Outcome.REVERTED
    assert "v" not in links


async def test_a_purge_that_may_cut_the_host_off_is_done_by_force_alone(tmp_path: Path) -> None:
    host = Host(tmp_path)
    await host.realize(BASE)

    async def purge(*, may_cut: bool) -> purging.Preview:
        return await purging.purge(
            "fleet", None, host.ovsdb, host.kernel, deadline_s=1, may_cut=may_cut
        )

    host.kernel.ways = {CONTROLLER: WAY}
    found = await purge(may_cut=False)
    assert {each.resource for each in found.cutting} == {"overlay", "port:a"}
    assert "what of this may cut the way to this host (203.0.113.9 over a):" in found.lines()
    host.kernel.ways, host.kernel.is_way_known = {}, False
    found = await purge(may_cut=False)
    assert (found.cutting, found.is_path_known, found.may_cut) == ((), False, True)
    assert "over which devices the controller is reached is not known" in found.lines()
    assert "--yes --force does it" in _previewed(found, Wish())
    assert tag_of(host, "a") == 2
    assert (await purge(may_cut=True)).is_empty
    assert ssh_peer("192.0.2.7 51122 192.0.2.10 22") == "192.0.2.7"
    assert (ssh_peer("fe80::1%eth0 51122 fe80::2%eth0 22"), ssh_peer("")) == ("fe80::1", "")


def test_ways_outlive_a_restart_and_are_doubted_after_a_boot(tmp_path: Path) -> None:
    ends = frozenset({CONTROLLER, OTHER})
    known = KnownWays(tmp_path, "boot 1")
    assert not known.is_sure_of(ends)
    known.see(ends, {CONTROLLER: WAY})
    assert known.is_sure_of(ends)  # a host without addresses of IPv6
    assert not known.is_sure_of(ENDS | {SOMEWHERE})
    again = KnownWays(tmp_path, "boot 1")
    again.see(ENDS, {})
    assert (dict(again.to(ENDS)), again.is_sure_of(ENDS)) == ({CONTROLLER: WAY}, True)
    booted = KnownWays(tmp_path, "boot 2")
    booted.see(ENDS, {})
    assert (dict(booted.to(ENDS)), booted.is_sure_of(ENDS)) == ({CONTROLLER: WAY}, False)
    booted.see(ENDS, {CONTROLLER: WAY})
    assert booted.is_sure_of(ENDS)


def test_a_way_that_only_the_last_boot_had_is_not_waited_for_in_vain(tmp_path: Path) -> None:
    ends = frozenset({CONTROLLER, OTHER})
    KnownWays(tmp_path, "boot 1").see(
        ends, {each: dataclasses.replace(WAY, destination=each) for each in ends}
    )
    times = iter((0.0, 299.0, 301.0))
    booted = KnownWays(tmp_path, "boot 2", reached_s=lambda: next(times))
    sure = []
    for _ in range(3):
        booted.see(ends, {CONTROLLER: WAY})
        sure.append(booted.is_sure_of(ends))
    assert sure == [False, False, True]
    assert KnownWays(tmp_path, "boot 2").is_sure_of(ends)
    booted = KnownWays(tmp_path, "boot 3", reached_s=lambda: 301.0)
    booted.see(ends, {})
    assert not booted.is_sure_of(ends)


async def test_a_controller_that_others_found_may_be_somewhere_else(tmp_path: Path) -> None:
    whereabouts = Whereabouts(tmp_path)
    assert whereabouts.addresses == {SOMEWHERE}
    whereabouts.look("203.0.113.9:9443")
    await whereabouts.reached()
    assert whereabouts.addresses == ENDS
    await whereabouts.learn(":9443")
    assert whereabouts.addresses == ENDS
    await whereabouts.reached()
    assert whereabouts.addresses == {CONTROLLER, SOMEWHERE}
    await whereabouts.learn("unix:/run/x")
    assert whereabouts.addresses == frozenset()
    with pytest.raises(ValidationError, match="no address"):
        Settings(controller="dns:///controller:9443")


async def test_a_session_does_not_wait_for_a_resolver_that_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = asyncio.Event()

    async def resolve(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        await answers.wait()
        return [(0, 0, 0, "", (CONTROLLER, 9443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr("agent.controlplane.whereabouts.GRACE_S", 0.01)
    whereabouts = Whereabouts(tmp_path)
    whereabouts.look("controller:9443")
    await whereabouts.reached()
    assert whereabouts.addresses == {SOMEWHERE}
    assert whereabouts.reached_s > 0
    whereabouts.left()
    assert whereabouts.reached_s == 0
    whereabouts.look("controller:9443")
    answers.set()
    await whereabouts.reached()
    assert whereabouts.addresses == ENDS
