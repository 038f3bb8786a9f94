"""Explicit Linux bridges, from what the controller sends to what ip(8) and the workloads see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Failure
from agent.model import Bridge, BridgeType, DatapathType, HostState, Port, PortType, VethPeer
from tests.support.agent_backends import FLEET, Counts, Host, Running
from tests.support.netns import Namespace, namespace, unique_name

pytestmark = pytest.mark.integration

LAN = Bridge(
    "bridge:lan",
    "br-lan",
    DatapathType.UNKNOWN,
    type=BridgeType.LINUX,
    link_attributes={"IFLA_BR_AGEING_TIME": 6000, "IFLA_BR_MCAST_SNOOPING": 0},
)
ISOLATED = {"IFLA_BRPORT_ISOLATED": 1}


@dataclass
class Site:
    host: Host
    state: HostState

    def realize(self, *ports: Port, bridges: tuple[Bridge, ...] = (LAN,)) -> Counts:
        """What is not named any more is deleted; what it took to write."""
        before = {each.id for each in (*self.state.ports, *self.state.bridges)}
        gone = before - {each.id for each in (*ports, *bridges)}
        self.state = replace(
            self.state,
            revision=self.state.revision + 1,
            hash=b"%d" % self.state.revision,
            ports=ports,
            bridges=bridges,
            removed=frozenset(gone),
        )
        state = self.state

        async def work(running: Running) -> Counts:
            await running.realize(state)
            return running.writes()

        return self.host.drive(work)

    def refusals(self, *ports: Port, bridges: tuple[Bridge, ...] = (LAN,)) -> tuple[Failure, ...]:
        self.state = replace(
            self.state, revision=self.state.revision + 1, ports=ports, bridges=bridges
        )
        state = self.state

        async def work(running: Running) -> tuple[Failure, ...]:
            running.loop.offer(state)
            await running.loop.turn()
            return running.reports[-1].failures

        return self.host.drive(work)

    def restart(self) -> Counts:
        async def work(running: Running) -> Counts:
            await running.settle()
            return running.writes()

        return self.host.drive(work)

    def bridge(self, name: str = LAN.name) -> dict[str, Any]:
        (link,) = self.host.netns.ip_json("link", "show", "dev", name)
        data: dict[str, Any] = link["linkinfo"]["info_data"]
        return data

    def port(self, name: str) -> dict[str, Any]:
        """What ip(8) says of a port on its bridge; empty where it is in none."""
        (link,) = self.host.netns.ip_json("link", "show", "dev", name)
        data: dict[str, Any] = link["linkinfo"].get("info_slave_data", {})
        return {"master": link["master"], **data} if "master" in link else {}

    def names(self) -> set[str]:
        return {each["ifname"] for each in self.host.netns.ip_json("link", "show")} - {"lo"}


@pytest.fixture
def site(netns: Namespace, tmp_path: Path) -> Iterator[Site]:
    with namespace(unique_name("w")) as workload:
        host = Host(1, netns, workload, None, tmp_path)
        yield Site(host, HostState(FLEET, 1, 1, b"0", host.uid, "h1"))


def veth(site: Site, number: int, **differences: Any) -> Port:
    port = Port(
        f"port:{number}",
        f"ve{number}",
        PortType.VETH,
        LAN.name,
        mac=f"0a:02:00:00:00:{number:02x}",
        peer=VethPeer(site.host.workload.name, f"e{number}"),
    )
    return replace(port, **differences)


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
