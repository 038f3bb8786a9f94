"""A host with explicit Linux bridges, told by the agent's own loop what they are to be like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.errors import Failure
from agent.model import Bridge, BridgeType, DatapathType, HostState, Port, PortType, VethPeer
from tests.support.agent_backends import FLEET, Counts, Host, Running
from tests.support.netns import Namespace, namespace, unique_name
from tests.support.ovs import OpenVSwitch

LAN = Bridge(
    "bridge:lan",
    "br-lan",
    DatapathType.UNKNOWN,
    type=BridgeType.LINUX,
    link_attributes={"IFLA_BR_AGEING_TIME": 6000, "IFLA_BR_MCAST_SNOOPING": 0},
)


@dataclass
class Site:
    host: Host
    state: HostState

    def realize(self, *ports: Port, bridges: tuple[Bridge, ...] = (LAN,)) -> Counts:
        """What is not named any more is deleted; what it took to write."""
        gone = _ids(self.state.ports, self.state.bridges) - _ids(ports, bridges)
        self.state = replace(
            self.state,
            revision=self.state.revision + 1,
            hash=b"%d" % self.state.revision,
            ports=ports,
            bridges=bridges,
            removed=gone,
        )
        state = self.state

        async def work(running: Running) -> Counts:
            await running.realize(state)
            return running.writes()

        return self.host.drive(work)

    def refusals(self, *ports: Port, bridges: tuple[Bridge, ...] = (LAN,)) -> tuple[Failure, ...]:
        """What is reported of a state that cannot be realized; nothing of it is deleted."""
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

    def turn(self) -> Counts:
        """Start the agent again, for a single look; what it wrote."""

        async def work(running: Running) -> Counts:
            await running.loop.turn()
            return running.writes()

        return self.host.drive(work)

    def up(self) -> set[str]:
        return {
            each["ifname"]
            for each in self.host.netns.ip_json("link", "show")
            if "UP" in each["flags"]
        }

    def bridge(self, name: str = LAN.name) -> dict[str, Any]:
        (link,) = self.host.netns.ip_json("link", "show", "dev", name)
        data: dict[str, Any] = link["linkinfo"]["info_data"]
        return data

    def port(self, name: str) -> dict[str, Any]:
        """What ip(8) says of a port on its bridge; empty where it is in none."""
        (link,) = self.host.netns.ip_json("link", "show", "dev", name)
        data: dict[str, Any] = link["linkinfo"].get("info_slave_data", {})
        return {"master": link["master"], **data} if "master" in link else {}

    def card(self, name: str = "card") -> None:
        """A device that somebody else made, with its other end in the workload's namespace."""
        far = ("peer", "name", f"far-{name}", "netns", self.host.workload.name)
        self.host.netns.ip("link", "add", name, "type", "veth", *far)

    def names(self) -> set[str]:
        return {each["ifname"] for each in self.host.netns.ip_json("link", "show")} - {"lo"}


def _ids(ports: tuple[Port, ...], bridges: tuple[Bridge, ...]) -> frozenset[str]:
    return frozenset({each.id for each in ports} | {each.id for each in bridges})


@contextmanager
def bridge_site(host: Namespace, state_dir: Path, ovs: OpenVSwitch | None = None) -> Iterator[Site]:
    with namespace(unique_name("w")) as workload:
        made = Host(1, host, workload, ovs, state_dir)
        yield Site(made, HostState(FLEET, 1, 1, b"0", made.uid, "h1"))


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
