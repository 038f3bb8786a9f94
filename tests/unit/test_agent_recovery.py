"""What went by itself is put back, though the rest is left as it was found or has no way back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent.observed import Link
from agent.safety import DriftPolicy, Safety
from tests.support.agent_loop import Host, state
from tests.unit.test_agent_drift import change, guarded, port, retag
from tests.unit.test_shortfall import BASE, CARD, LAN, REPORT, SAFETY, drifted, master, reached_by


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def booted(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr("agent.host.boot_id", lambda: "another")
    host.switch.kernel.peers.clear()
    host.switch.reboot()
    return host.started_again()


def made_anew(host: Host, name: str = "a") -> None:
    """As ovs-vswitchd leaves the device of an internal port when it starts."""
    link = host.switch.kernel.links[name]
    host.switch.kernel.links[name] = dataclasses.replace(link, ifindex=900, up=False)


async def test_a_device_made_anew_on_the_way_comes_up_though_its_port_is_left(host: Host) -> None:
    await drifted(host)
    host.switch.stop_vswitchd()
    await host.loop.turn()
    made_anew(host)
    host.switch.start_vswitchd()
    await host.loop.turn()
    assert host.switch.kernel.links["a"].up
    assert (host.reasons(), port(host).tag) == ({"port:a": "Drifted"}, 77)  # type: ignore[union-attr]


@pytest.mark.parametrize("safety", [REPORT, SAFETY])
async def test_a_device_made_anew_while_no_agent_ran_comes_up_too(
    host: Host, safety: Safety
) -> None:
    await drifted(host)
    made_anew(host)
    fresh = reached_by(host.started_again(), "a")
    await fresh.realize(state(2, safety=safety))
    assert host.switch.kernel.links["a"].up
    why = "Drifted" if safety is REPORT else "NoWayBack"
    assert (fresh.reasons()["port:a"], port(host).tag) == (why, 77)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["a", "b"])
async def test_a_boot_brings_back_all_of_what_is_left_but_what_differs(
    host: Host, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await host.realize(guarded(port_a=DriftPolicy.REPORT, port_b=DriftPolicy.REPORT))
    retag(host, 77, name)
    await host.loop.turn()
    assert host.reasons() == {f"port:{name}": "Drifted"}
    fresh = booted(host, monkeypatch)
    for _ in range(3):
        await fresh.turn_at(60)
    links = fresh.switch.observed.links
    assert (links["a"].up, links["b"].up) == (True, True)
    if name == "a":  # a veth is made anew, and plugged as intended
        assert (fresh.reasons(), port(fresh).tag) == ({"port:a": "Drifted"}, 77)  # type: ignore[union-attr]


async def test_a_port_that_is_left_deleted_stays_so_while_its_database_is_away(host: Host) -> None:
    await host.realize(guarded(port_a=DriftPolicy.REPORT))
    change(host, "a", lambda _: None)
    await host.loop.turn()
    host.ovsdb.connected = False
    await host.loop.turn()
    host.ovsdb.connected = True
    await host.loop.turn()
    assert (host.reasons(), port(host)) == ({"port:a": "Drifted"}, None)


@pytest.mark.parametrize("policy", [DriftPolicy.REPORT, DriftPolicy.ENFORCE])
async def test_a_boot_brings_the_controllers_card_back_though_it_was_left(
    host: Host, monkeypatch: pytest.MonkeyPatch, policy: DriftPolicy
) -> None:
    links = host.switch.kernel.links
    links["eth0"] = Link("eth0", 77, up=True)
    reached_by(host, "br-lan")
    safety = dataclasses.replace(SAFETY, drift={"port:card": policy})
    await host.realize(state(1, bridges=(LAN,), ports=(*BASE.ports, CARD), safety=safety))
    host.confirm()
    for _ in range(5):
        links["eth0"] = dataclasses.replace(links["eth0"], up=False)
        await host.loop.turn()
    assert host.reasons().keys() == {"port:card"}
    fresh = booted(host, monkeypatch)
    fresh.switch.kernel.links["eth0"] = Link("eth0", 77, up=True)
    reached_by(fresh, "br-lan")
    await fresh.loop.turn()
    assert (fresh.reasons(), master(fresh)) == ({}, "br-lan")


async def test_a_bridge_of_the_kernel_that_was_left_down_is_made_again_after_a_boot(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    safety = Safety(drift={"bridge:lan": DriftPolicy.REPORT})
    await host.realize(state(1, bridges=(LAN,), safety=safety))
    links = host.switch.kernel.links
    links["br-lan"] = dataclasses.replace(links["br-lan"], up=False)
    await host.loop.turn()
    assert host.reasons() == {"bridge:lan": "Drifted"}
    fresh = booted(host, monkeypatch)
    await fresh.loop.turn()
    assert fresh.reasons() == {}
    assert fresh.switch.kernel.links["br-lan"].up
