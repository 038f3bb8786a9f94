"""What is left, and rests on something that is left deleted: nothing is tried for it in vain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.model import Bridge, BridgeType, DatapathType, HostState, Port, PortType, VethPeer
from agent.monitoring import Mirror, MirrorTunnel, OvsMirror
from agent.observed import OvsPort
from agent.safety import DriftPolicy, Grants, Safety
from tests.support.agent_loop import Host, state
from tests.support.hosts import bare_host
from tests.support.switch import Switch
from tests.unit.test_agent_drift import RESYNC_S, change, port

REPORT, IGNORE, ENFORCE = DriftPolicy.REPORT, DriftPolicy.IGNORE, DriftPolicy.ENFORCE
TUNNEL = MirrorTunnel("mr0", "gre", {"remote_ip": "192.0.2.9"})
TO_TUNNEL = Mirror("mirror:m", "m", "br-fleet", select_src_ports=frozenset("ab"), tunnel=TUNNEL)
TO_PORT = Mirror("mirror:m", "m", "br-fleet", select_src_ports=frozenset("a"), output_port="b")
LAN = Bridge(
    "bridge:lan",
    "br-lan",
    DatapathType.UNKNOWN,
    type=BridgeType.LINUX,
    link_attributes={"IFLA_BR_AGEING_TIME": 6001},
)
VETH = Port("port:v", "v", PortType.VETH, "br-lan", mtu=1400, peer=VethPeer("blue", "e9"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    types = frozenset({"internal", "gre", "system"})
    return Host(tmp_path, Switch(bare_host(iface_types=types, namespaces=frozenset({"blue"}))))


def mirrored(
    mirror: Mirror, revision: int = 1, grants: int = 0, **policies: DriftPolicy
) -> HostState:
    named = {name.replace("_", ":"): policy for name, policy in policies.items()}
    granted = Grants(grants, mended=grants)
    return state(revision, mirrors=(mirror,), safety=Safety(drift=named), grants=granted)


def with_lan(**policies: DriftPolicy) -> HostState:
    named = {name.replace("_", ":"): policy for name, policy in policies.items()}
    return state(bridges=(LAN,), ports=(*state().ports, VETH), safety=Safety(drift=named))


def take_away(host: Host, name: str) -> None:
    """Somebody deletes a port: Open vSwitch takes it out of the mirrors."""
    row = host.switch.bridges["br-fleet"]
    rest = tuple(_without(each, name) for each in row.mirrors)
    host.switch.bridges["br-fleet"] = replace(row, mirrors=rest)
    change(host, name, lambda _: None)


def _without(mirror: OvsMirror, name: str) -> OvsMirror:
    return replace(
        mirror,
        select_src_port=mirror.select_src_port - {name},
        output_port=None if mirror.output_port == name else mirror.output_port,
    )


def sent_elsewhere(row: OvsPort) -> OvsPort:
    return replace(row, interfaces=(replace(row.interfaces[0], options={"remote_ip": "::9"}),))


def the_mirror(host: Host) -> OvsMirror:
    (row,) = host.switch.bridges["br-fleet"].mirrors
    return row


async def rests(host: Host) -> bool:
    """Whether nothing is written and the loop waits for nothing."""
    before = host.writes
    delays = [await host.loop.turn() for _ in range(3)]
    return host.writes == before and min(delays) >= RESYNC_S


async def test_a_released_mirror_comes_when_the_port_does_that_was_ignored_and_gone(
    host: Host,
) -> None:
    await host.realize(mirrored(TO_PORT, mirror_m=REPORT, port_a=IGNORE))
    there = the_mirror(host)
    take_away(host, "a")
    row = host.switch.bridges["br-fleet"]
    host.switch.bridges["br-fleet"] = replace(row, mirrors=())
    await host.loop.turn()
    assert host.reasons() == {"mirror:m": "Drifted"}
    await host.realize(mirrored(TO_PORT, 2, grants=1, mirror_m=REPORT, port_a=IGNORE))
    assert await rests(host)
    (failure,) = host.reports[-1].failures
    assert (failure.resource, failure.reason) == ("mirror:m", "StandsOnDrift")
    assert "set the drift_policy of port:a to enforce" in failure.message
    host = host.started_again()
    await host.loop.turn()
    assert host.reasons() == {"mirror:m": "StandsOnDrift"}
    await host.realize(mirrored(TO_PORT, 3, grants=1, mirror_m=REPORT, port_a=ENFORCE))
    assert (host.reasons(), the_mirror(host)) == ({}, there)


async def test_a_mirror_whose_own_port_is_left_deleted_is_not_led_to_it(host: Host) -> None:
    await host.realize(mirrored(TO_TUNNEL, mirror_m=REPORT))
    there = the_mirror(host)
    take_away(host, "mr0")
    assert await rests(host)
    assert host.reasons() == {"mirror:m": "Drifted"}
    await host.realize(mirrored(TO_TUNNEL, 2, grants=1, mirror_m=REPORT))
    assert (host.reasons(), the_mirror(host)) == ({}, there)


async def test_a_mirror_that_is_left_waits_for_the_port_of_another_that_is_gone(
    host: Host,
) -> None:
    await host.realize(mirrored(TO_TUNNEL, mirror_m=REPORT, port_a=IGNORE))
    there = the_mirror(host)
    change(host, "mr0", sent_elsewhere)
    take_away(host, "a")
    assert await rests(host)
    assert host.reasons() == {"mirror:m": "Drifted"}
    await host.realize(mirrored(TO_TUNNEL, 2, mirror_m=REPORT, port_a=ENFORCE))
    assert (host.reasons(), the_mirror(host)) == ({"mirror:m": "Drifted"}, there)
    assert port(host, "mr0").interfaces[0].options == {"remote_ip": "::9"}  # type: ignore[union-attr]


async def test_nothing_is_set_on_a_bridge_of_the_kernel_that_is_left_deleted(host: Host) -> None:
    await host.realize(with_lan(bridge_lan=REPORT))
    host.switch.kernel.delete_link("br-lan")
    assert await rests(host)
    assert host.reasons() == {"bridge:lan": "Drifted", "port:v": "StandsOnDrift"}


async def test_a_veth_that_is_left_waits_for_a_bridge_that_is_left_deleted(host: Host) -> None:
    await host.realize(with_lan(bridge_lan=REPORT, port_v=REPORT))
    kernel = host.switch.kernel
    bridge, kernel.links["v"] = kernel.links["br-lan"], replace(kernel.links["v"], mtu=900)
    await host.loop.turn()
    kernel.delete_link("br-lan")
    kernel.delete_link("v")
    assert await rests(host)
    assert host.reasons() == {"bridge:lan": "Drifted", "port:v": "Drifted"}
    kernel.links["br-lan"] = bridge
    await host.loop.turn()
    assert (host.reasons(), kernel.links["v"].master) == ({}, "br-lan")


async def test_mirrors_of_one_name_are_told_apart_by_their_marks(host: Host) -> None:
    twins = (TO_PORT, replace(TO_PORT, id="mirror:n"))
    await host.realize(state(mirrors=twins, safety=Safety(drift={"mirror:n": REPORT})))
    row = host.switch.bridges["br-fleet"]
    cut = tuple(replace(each, snaplen=77) for each in row.mirrors)
    host.switch.bridges["br-fleet"] = replace(row, mirrors=cut)
    await host.loop.turn()
    assert host.reasons() == {"mirror:n": "Drifted"}
    assert [each.snaplen for each in host.switch.bridges["br-fleet"].mirrors] == [None, 77]
    assert await rests(host)


async def test_a_card_that_would_be_down_while_it_comes_into_its_bridge_is_not_brought_up(
    host: Host,
) -> None:
    filtering = replace(LAN, link_attributes={"IFLA_BR_VLAN_FILTERING": 1})
    card = Port("port:card", "eth1", PortType.SYSTEM, "br-lan", tag=5, mtu=1400)
    safety = Safety(drift={"bridge:lan": REPORT, "port:card": REPORT})
    await host.realize(state(bridges=(filtering,), ports=(card,), safety=safety))
    links = host.switch.kernel.links
    links["eth1"] = replace(links["eth1"], up=True)
    await host.loop.turn()
    host.switch.kernel.delete_link("br-lan")
    assert await rests(host)
    assert host.reasons() == {"bridge:lan": "Drifted", "port:card": "Drifted"}
