"""The lock-out drill: a real agent is cut off by its own apply, and comes back by itself.

The controller is reached over a veth with a static address, and the state puts that veth into a
Linux bridge, which takes its frames for good (rx_handler). Open vSwitch's userspace datapath would
not do: it leaves the kernel its frames.
"""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ovsfleet.v1 import agent_pb2

from agent.controlplane import codec
from agent.model import Bridge, BridgeType, DatapathType, HostState, Port, PortType
from agent.safety import CHANGE_ID, Grants, Safety
from tests.support.agent_process import AgentProcess
from tests.support.netns import Namespace, namespace, unique_name
from tests.support.southbound import ControllerEnd, controller_end
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

TIMEOUT_S = 2
BACK_WITHIN_S = TIMEOUT_S + 5
"""The deadline, and five seconds to be back."""
HOST, CONTROLLER = "192.0.2.2", "192.0.2.1"
LAN = Bridge("bridge:lan", "br-lan", DatapathType.SYSTEM, type=BridgeType.LINUX)
KEPT = Port("port:t0", "t0", PortType.TAP, LAN.name)
TAKEN = Port("port:card", "mgmt0", PortType.SYSTEM, LAN.name, mtu=1400)
NEW = Port("port:t1", "t1", PortType.TAP, LAN.name)


@dataclasses.dataclass
class Site:
    agent: AgentProcess
    controller: ControllerEnd
    host: Namespace
    far: Namespace

    def push(self, revision: int, *ports: Port) -> None:
        state = HostState(
            fleet_uid=self.controller.fleet_uid,
            fleet_epoch=1,
            revision=revision,
            hash=b"hash of %d" % revision,
            host_uid=self.controller.host_uid,
            host_name="h1",
            grants=Grants(released=revision),  # as if a person had released the host before each
            bridges=(LAN,),
            ports=ports,
            safety=Safety(confirm_timeout_s=TIMEOUT_S),
        )
        self.controller.push(codec.encode_host_state(state))

    async def status(self, is_it: Callable[[agent_pb2.HostStatus], bool], what: str) -> None:
        await self.controller.until(lambda: any(map(is_it, self.controller.statuses())), what)

    def is_reached(self) -> bool:
        ping = ("ping", "-c1", "-W1", HOST)
        command = ("ip", "netns", "exec", self.far.name, *ping)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def is_cut(self) -> bool:
        (link,) = self.host.ip_json("link", "show", "mgmt0")
        return link.get("master") == LAN.name

    def is_at_rest(self) -> bool:
        """Whether the kernel has done with looking for duplicates of its addresses."""
        found = (each for device in self.host.ip_json("address") for each in device["addr_info"])
        return not any(each.get("tentative") for each in found)

    def picture(self) -> dict[str, Any]:
        """All that is there of devices, addresses and routes."""
        devices = {each["ifname"]: _at_rest(each) for each in self.host.ip_json("address")}
        return devices | {"routes": self.host.ip_json("route", "show", "table", "all")}


def _at_rest(device: dict[str, Any]) -> dict[str, Any]:
    """Without the timers of bridges, and without the carrier: the kernel tells of that when it
    finds the time, up to a second later."""
    info = device.get("linkinfo", {})
    data = {k: v for k, v in info.get("info_data", {}).items() if not k.endswith("_timer")}
    flags = [flag for flag in device["flags"] if flag not in {"NO-CARRIER", "LOWER_UP"}]
    still = {k: v for k, v in device.items() if k not in {"operstate", "linkmode"}}
    return {**still, "flags": flags, "linkinfo": {**info, "info_data": data}}


def _wire(host: Namespace, far: Namespace) -> None:
    peer = ("peer", "name", "c0", "netns", far.name)
    host.ip("link", "add", "mgmt0", "type", "veth", *peer)
    for end, name, address in ((host, "mgmt0", HOST), (far, "c0", CONTROLLER)):
        end.ip("address", "add", f"{address}/24", "dev", name)
        end.ip("link", "set", name, "up")
    host.ip("route", "add", "default", "via", CONTROLLER)
    host.ip("link", "add", "theirs", "type", "bridge")
    host.ip("address", "add", "198.51.100.1/24", "dev", "theirs")


@asynccontextmanager
async def _site(folder: Path) -> AsyncIterator[Site]:
    with namespace() as host, namespace(unique_name("c")) as far:
        _wire(host, far)
        async with controller_end(f"{CONTROLLER}:9443", far.name) as controller:
            (folder / "state").mkdir(parents=True)
            agent = AgentProcess(folder / "state", host, "none", controller)
            try:
                yield Site(agent, controller, host, far)
            finally:
                if agent.started:
                    await agent.end(signal.SIGKILL)


def _is_undone(status: agent_pb2.HostStatus) -> bool:
    return status.outcome == agent_pb2.OUTCOME_REVERTED and status.applied_revision == 1


async def _cut_off(site: Site) -> dict[str, Any]:
    """What was there before."""
    await site.agent.start()
    await site.controller.until(lambda: bool(site.controller.sessions), "a session")
    site.push(1, KEPT)
    await site.status(lambda each: each.applied_revision == 1, "revision 1 applied")
    await asyncio.to_thread(eventually, site.is_at_rest, within=10.0, what="addresses are known")
    before = site.picture()
    site.push(2, KEPT, TAKEN, NEW)
    await asyncio.to_thread(eventually, site.is_cut, within=5.0, what="the card is taken")
    return before


async def _back(site: Site, before: dict[str, Any]) -> None:
    assert not await asyncio.to_thread(site.is_reached)
    await asyncio.to_thread(eventually, site.is_reached, within=BACK_WITHIN_S, what="back")
    await site.status(_is_undone, "reverted")
    (failure,) = site.controller.session.statuses[-1].failures
    assert (failure.resource, failure.reason) == (CHANGE_ID, "Reverted")
    assert "mgmt0" in failure.message
    assert "ovsfleet release h1" in failure.message
    assert site.picture() == before


async def _not_for_good(site: Site, before: dict[str, Any]) -> None:
    """Down, the card would lose the default route, which is not the fleet's to bring back."""
    site.push(3, KEPT, dataclasses.replace(TAKEN, admin_down=True))
    await site.status(lambda each: each.applied_revision == 3, "revision 3 applied")
    (failure,) = site.controller.session.statuses[-1].failures
    assert (failure.resource, failure.reason) == (TAKEN.id, "NoWayBack")
    assert site.picture() == before


async def _killed_on_trial(folder: Path) -> None:
    async with _site(folder) as site:
        before = await _cut_off(site)
        await site.agent.end(signal.SIGKILL)
        await site.agent.start()
        await _back(site, before)


async def test_a_host_that_cuts_itself_off_is_back_by_itself_also_when_killed_meanwhile(
    tmp_path: Path,
) -> None:
    killed = asyncio.create_task(_killed_on_trial(tmp_path / "killed"))
    async with _site(tmp_path / "waiting") as site:
        before = await _cut_off(site)
        await _back(site, before)
        await _not_for_good(site, before)
    await killed
