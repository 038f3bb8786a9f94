"""What the host was never brought to, or was found away from, is no part of the way back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.model import Bridge, BridgeType, DatapathType, HostState, Port, PortType, VethPeer
from agent.observed import Link, OvsInterface, OvsPort, Way
from agent.report import Outcome
from agent.safety import ConfirmPolicy, DriftPolicy, Grants, Safety
from tests.support.agent_loop import Host, state

CONTROLLER = "192.0.2.1"
TIMEOUT_S = 30
SAFETY = Safety(confirm_timeout_s=TIMEOUT_S)
BASE = state(1, safety=SAFETY)
LAN = Bridge("bridge:lan", "br-lan", DatapathType.SYSTEM, type=BridgeType.LINUX)
CARD = Port("port:card", "eth0", PortType.SYSTEM, "br-lan")
REPORT = dataclasses.replace(SAFETY, drift={"port:a": DriftPolicy.REPORT})


def reached_by(host: Host, device: str) -> Host:
    """``host``, which reaches its controller over ``device``."""
    look = host.kernel.observe
    way = Way(CONTROLLER, device, "")

    async def observe(*args: object, **named: object) -> object:
        seen = await look(*args, **named)  # type: ignore[arg-type]
        return dataclasses.replace(seen, ways={CONTROLLER: way})

    host.kernel.observe = observe  # type: ignore[method-assign,assignment]
    return host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def change(host: Host, name: str, how: Callable[[OvsPort], OvsPort]) -> None:
    row = host.switch.bridges["br-fleet"]
    ports = tuple(how(port) if port.name == name else port for port in row.ports)
    host.switch.bridges["br-fleet"] = dataclasses.replace(row, ports=ports)
    host.switch.reconfigure()


def tag(host: Host) -> int | None:
    (port,) = (each for each in host.switch.bridges["br-fleet"].ports if each.name == "a")
    return port.tag


def with_tag(revision: int, tag: int, **changes: object) -> HostState:
    port = dataclasses.replace(BASE.ports[0], tag=tag)
    changes = {"hash": b"%d of %d" % (tag, revision), "ports": (port, BASE.ports[1]), **changes}
    return state(revision, **changes)


# --- what was never made -------------------------------------------------------------------------


async def waiting(host: Host) -> Host:
    """One with a confirmed state, of which the controller's card waits for the name of a bridge."""
    host.switch.kernel.links["eth0"] = Link("eth0", 77, up=True)
    host.switch.kernel.links["br-lan"] = Link("br-lan", 78, kind="bridge", up=True)
    reached_by(host, "eth0")
    await host.realize(BASE)
    card = state(2, bridges=(LAN,), ports=(*BASE.ports, CARD), safety=SAFETY)
    await host.realize(card)
    assert host.outcome() is Outcome.APPLIED
    assert host.reasons().keys() == {"bridge:lan", "port:card"}
    assert host.cache.cached is not None
    assert host.cache.cached.confirmed is None
    return host


def master(host: Host) -> str:
    return host.switch.observed.links["eth0"].master


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_what_becomes_possible_later_is_on_a_trial_of_its_own(
    host: Host, is_restarted: bool
) -> None:
    await waiting(host)
    if is_restarted:
        host = reached_by(host.started_again(), "eth0")
    del host.switch.kernel.links["br-lan"]
    await host.turn_at(31)
    assert host.reasons() == {"change": "OnTrial"}
    assert master(host) == "br-lan"
    await host.turn_at(TIMEOUT_S)
    assert (host.outcome(), master(host)) == (Outcome.REVERTED, "")
    assert host.reasons() == {"change": "Reverted", "port:card": "LeftOut"}
    written = host.writes
    await host.realize(state(2, bridges=(LAN,), ports=(*BASE.ports, CARD), safety=SAFETY))
    assert (host.outcome(), host.writes) == (Outcome.REVERTED, written)


async def test_what_was_confirmed_of_it_is_repaired_without_a_trial(host: Host) -> None:
    await waiting(host)
    del host.switch.kernel.links["br-lan"]
    await host.turn_at(31)
    host.confirm()
    await host.loop.turn()
    assert (host.outcome(), host.reasons()) == (Outcome.APPLIED, {})
    card = host.switch.kernel.links["eth0"]
    host.switch.kernel.links["eth0"] = dataclasses.replace(card, master="")
    await host.loop.turn()
    assert (host.reasons(), master(host)) == ({}, "br-lan")


async def test_newer_intent_goes_back_to_a_state_without_what_waits(host: Host) -> None:
    await waiting(host)
    del host.switch.kernel.links["br-lan"]
    await host.realize(with_tag(3, 9, bridges=(LAN,), ports=(*BASE.ports, CARD), safety=SAFETY))
    assert host.reasons() == {"change": "OnTrial"}
    await host.turn_at(TIMEOUT_S)
    assert (host.outcome(), master(host)) == (Outcome.REVERTED, "")


# --- what is there without a mark ----------------------------------------------------------------


async def plugged(host: Host) -> Host:
    """One whose controller's card is in a Linux bridge of the fleet's."""
    host.switch.kernel.links["eth0"] = Link("eth0", 77, up=True)
    reached_by(host, "br-lan")
    await host.realize(state(1, bridges=(LAN,), ports=(*BASE.ports, CARD), safety=SAFETY))
    host.confirm()
    await host.loop.turn()
    assert (host.reasons(), master(host)) == ({}, "br-lan")
    return host


def with_card(revision: int, **changes: object) -> HostState:
    card = dataclasses.replace(CARD, **changes)  # type: ignore[arg-type]
    return state(revision, bridges=(LAN,), ports=(*BASE.ports, card), safety=SAFETY)


@pytest.mark.parametrize("is_forced", [False, True])
async def test_a_card_in_a_linux_bridge_is_there_although_a_change_of_it_failed(
    host: Host, *, is_forced: bool
) -> None:
    await plugged(host)
    await host.realize(with_card(2, tag=5))
    assert host.reasons() == {"port:card": "VlansNeedFiltering"}
    grants = Grants(1, forced=frozenset({"port:card"}) if is_forced else frozenset())
    await host.realize(dataclasses.replace(with_card(3, mtu=1400), grants=grants))
    assert host.reasons() == ({"change": "OnTrial"} if is_forced else {"port:card": "NoWayBack"})
    for _ in range(2):
        await host.turn_at(TIMEOUT_S)
    assert master(host) == "br-lan"
    assert (host.outcome() is Outcome.REVERTED) == is_forced


@pytest.mark.parametrize("is_forced", [False, True])
async def test_a_host_that_lost_its_state_keeps_its_card_where_it_was(
    host: Host, tmp_path: Path, *, is_forced: bool
) -> None:
    await plugged(host)
    fresh = reached_by(Host(tmp_path / "fresh", host.switch), "br-lan")
    grants = Grants(1, forced=frozenset({"port:card"}) if is_forced else frozenset())
    await fresh.realize(dataclasses.replace(with_card(5, mtu=1400), grants=grants))
    assert fresh.reasons() == ({"change": "OnTrial"} if is_forced else {"port:card": "NoWayBack"})
    for _ in range(2):
        await fresh.turn_at(TIMEOUT_S)
    assert master(host) == "br-lan"
    assert (fresh.outcome() is Outcome.REVERTED) == is_forced


async def test_what_took_the_name_of_a_device_in_a_linux_bridge_goes_when_it_is_undone(
    host: Host,
) -> None:
    inside = Port("port:in", "p0", PortType.VETH, "br-lan", peer=VethPeer("blue", "eth9"))
    await host.realize(state(1, bridges=(LAN,), ports=(*BASE.ports, inside), safety=SAFETY))
    careful = dataclasses.replace(SAFETY, confirm=ConfirmPolicy.ALWAYS)
    outside = Port("port:out", "p0", PortType.INTERNAL, "br-fleet", tag=3)
    gone = frozenset({"port:in"})
    bridges, ports = (LAN,), (*BASE.ports, outside)
    await host.realize(state(2, bridges=bridges, ports=ports, removed=gone, safety=careful))
    assert host.reasons() == {"change": "OnTrial"}
    await host.turn_at(TIMEOUT_S)
    assert host.reasons() == {"change": "Reverted"}
    assert "p0" not in {each.name for each in host.switch.bridges["br-fleet"].ports}
    assert host.switch.observed.links["p0"].master == "br-lan"


async def test_a_card_that_gets_another_port_is_as_it_was_when_that_is_undone(host: Host) -> None:
    await plugged(host)
    other = dataclasses.replace(CARD, id="port:other", mtu=1400)
    ports, gone = (*BASE.ports, other), frozenset({"port:card"})
    news = state(2, bridges=(LAN,), ports=ports, removed=gone, safety=SAFETY)
    await host.realize(news)
    assert host.reasons() == {"change": "OnTrial"}
    await host.turn_at(TIMEOUT_S)
    assert host.reasons() == {"change": "Reverted"}
    card = host.switch.observed.links["eth0"]
    assert (card.master, card.mtu) == ("br-lan", 1500)


# --- what is otherwise than the confirmed state says ---------------------------------------------


async def drifted(host: Host) -> Host:
    """One that reaches its controller over a port that somebody moved to another VLAN."""
    reached_by(host, "a")
    await host.realize(state(1, safety=REPORT))
    host.confirm()
    await host.loop.turn()
    change(host, "a", lambda port: dataclasses.replace(port, tag=77))
    await host.loop.turn()
    assert host.reasons() == {"port:a": "Drifted"}
    return host


@pytest.mark.parametrize(
    "news",
    [
        state(2, safety=REPORT, grants=Grants(1, mended=1)),
        with_tag(2, 5, safety=REPORT),
        state(2, safety=SAFETY),
    ],
    ids=["released", "new intent", "enforced"],
)
async def test_what_somebody_changed_on_the_way_to_the_controller_has_no_way_back(
    host: Host, news: HostState
) -> None:
    await drifted(host)
    await host.realize(news)
    assert (host.reasons(), tag(host)) == ({"port:a": "NoWayBack"}, 77)
    fresh = host
    for _ in range(2):
        fresh = reached_by(fresh.started_again(), "a")
        for _ in range(2):
            await fresh.turn_at(600)
            assert (fresh.reasons(), tag(host)) == ({"port:a": "NoWayBack"}, 77)
    forced = Grants(2, forced=frozenset({"port:a"}), mended=1)
    await fresh.realize(dataclasses.replace(news, revision=3, hash=b"forced", grants=forced))
    assert fresh.reasons() == {"change": "OnTrial"}
    assert tag(fresh) == news.ports[0].tag


# --- what was granted ----------------------------------------------------------------------------


async def test_a_grant_is_used_up_when_what_it_is_for_is_done(host: Host) -> None:
    stranger = OvsPort("a", interfaces=(OvsInterface("a", "internal"),), tag=2)
    bare = state(1, ports=())
    await host.realize(bare)
    row = host.switch.bridges["br-fleet"]
    host.switch.bridges["br-fleet"] = dataclasses.replace(row, ports=(*row.ports, stranger))
    host.switch.reconfigure()
    granted = state(2, grants=Grants(1, adoptions={"port:a": True}))
    await host.realize(granted)
    assert host.reasons() == {}
    change(host, "a", lambda _: stranger)
    for news in (granted, dataclasses.replace(granted, revision=3, hash=b"3")):
        fresh = host.started_again()
        await fresh.realize(news)
        assert fresh.reasons() == {"port:a": "AlreadyTaken"}
        assert fresh.cache.cached is not None
        assert fresh.cache.cached.state.grants == Grants(1)
    again = Grants(2, adoptions={"port:a": True}, adopted_at={"port:a": 4})
    await fresh.realize(dataclasses.replace(granted, revision=4, hash=b"4", grants=again))
    assert fresh.reasons() == {}


async def test_what_was_forced_is_done_again_after_a_reboot_and_nothing_else_is(
    host: Host,
) -> None:
    own = frozenset({"198.51.100.7/24"})
    loose = Link("eth0", 77, up=True, mtu=1500, addresses=own)
    host.switch.kernel.links["eth0"] = loose
    lan = state(1, bridges=(LAN,))
    await host.realize(lan)
    plugged = dataclasses.replace(lan, revision=2, hash=b"2", ports=(*lan.ports, CARD))
    await host.realize(plugged)
    assert (host.reasons(), master(host)) == ({"port:card": "DeviceInUse"}, "")
    grants = Grants(1, frozenset({"port:card"}))
    await host.realize(dataclasses.replace(plugged, revision=3, hash=b"3", grants=grants))
    assert (host.reasons(), master(host)) == ({}, "br-lan")

    del host.switch.kernel.links["br-lan"]
    host.switch.kernel.links["eth0"] = loose
    fresh = host.started_again()
    for _ in range(2):
        await fresh.loop.turn()
    assert (fresh.reasons(), master(fresh)) == ({}, "br-lan")

    other = dataclasses.replace(LAN, name="br-wan")
    moved = dataclasses.replace(plugged, revision=4, hash=b"4", grants=grants, bridges=(other,))
    ports = (*lan.ports, dataclasses.replace(CARD, bridge="br-wan"))
    await fresh.realize(dataclasses.replace(moved, ports=ports))
    assert fresh.reasons()["port:card"] == "DeviceInUse"
