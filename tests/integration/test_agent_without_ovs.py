"""The whole agent, as a process, on a host that has no Open vSwitch."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ovsfleet.v1 import agent_pb2

from agent.controlplane import codec
from agent.fragments import SegmentFragment, SegmentMember
from agent.model import (
    Backend,
    Bridge,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    VethPeer,
)
from tests.support.agent_process import AgentProcess
from tests.support.netns import Namespace
from tests.support.southbound import ControllerEnd, controller_end

pytestmark = pytest.mark.integration

SEGMENT = "00000000-0000-4000-8000-00000000000a"
REMOTE = SegmentMember(
    "00000000-0000-4000-8000-000000000002", "h2", "192.0.2.2", ("0a:01:00:00:00:02",)
)


@dataclasses.dataclass
class Site:
    agent: AgentProcess
    controller: ControllerEnd
    host: Namespace
    workload: Namespace

    async def start(self) -> None:
        sessions = len(self.controller.sessions)
        await self.agent.start()
        await self.controller.until(lambda: len(self.controller.sessions) > sessions, "a session")

    async def applied(self, revision: int) -> agent_pb2.HostStatus:
        """Wait until the revision is applied, with or without failures."""
        statuses = self.controller.session.statuses

        def is_applied() -> bool:
            return bool(statuses) and statuses[-1].applied_revision == revision

        await self.controller.until(is_applied, f"revision {revision} applied")
        return statuses[-1]

    def state(self) -> HostState:
        own = SegmentMember(self.controller.host_uid, "h1", "192.0.2.1", ("0a:01:00:00:00:01",))
        fragment = SegmentFragment(b"f1", SEGMENT, 7001, 8472, 1450, (own, REMOTE))
        port = Port(
            "port:w1",
            "w1",
            PortType.VETH,
            "br-v7001",
            mac="0a:01:00:00:00:01",
            mtu=1450,
            peer=VethPeer(self.workload.name, "eth0"),
        )
        return HostState(
            fleet_uid=self.controller.fleet_uid,
            fleet_epoch=1,
            revision=1,
            hash=b"hash of 1",
            host_uid=self.controller.host_uid,
            host_name="h1",
            ports=(port,),
            attachments=(SegmentAttachment(SEGMENT, 0, b"f1", Backend.KERNEL, "br-v7001"),),
            fragments={b"f1": fragment},
        )

    def enslaved(self) -> set[str]:
        devices = self.host.ip_json("link", "show", "master", "br-v7001", "up")
        return {each["ifname"] for each in devices if each}


@pytest.fixture
async def site(tmp_path: Path, netns: Namespace, workload_netns: Namespace) -> AsyncIterator[Site]:
    async with controller_end() as controller:
        state_dir = tmp_path / "state"
        state_dir.mkdir()
        agent = AgentProcess(state_dir, netns, "none", controller)
        try:
            yield Site(agent, controller, netns, workload_netns)
        finally:
            if agent.started:
                await agent.end(signal.SIGKILL)


async def test_an_idle_restart_writes_nothing_and_what_needs_open_vswitch_is_unsupported(
    site: Site,
) -> None:
    await site.start()
    site.controller.push(codec.encode_host_state(site.state()))
    assert list((await site.applied(1)).failures) == []
    assert site.enslaved() == {"w1", "kx7001"}
    assert await site.agent.end() == 0
    await site.start()
    await site.applied(1)
    assert site.agent.writes() == (0, 0)
    bridge = Bridge("bridge:1", "br1", DatapathType.NETDEV)
    more = dataclasses.replace(site.state(), revision=2, hash=b"hash of 2", bridges=(bridge,))
    site.controller.push(codec.encode_host_state(more))
    (failure,) = (await site.applied(2)).failures
    assert (failure.resource, failure.reason) == ("bridge:1", "NoOpenVswitch")
    assert failure.kind == agent_pb2.ERROR_KIND_UNSUPPORTED
    assert site.enslaved() == {"w1", "kx7001"}


async def test_the_host_says_what_it_can_do_and_is_shown_and_compared_and_asked(
    site: Site,
) -> None:
    await site.start()
    site.controller.push(codec.encode_host_state(site.state()))
    await site.applied(1)
    said = site.controller.session.capabilities[-1]
    assert (said.ovs_version, [*said.datapath_types, *said.iface_types]) == ("", [])
    assert said.kernel_release != ""
    calls = (asyncio.to_thread(site.agent.call, word) for word in ("plan", "observe", "status"))
    plan, observe, status = await asyncio.gather(*calls)
    assert (plan.returncode, plan.stderr) == (0, "")
    seen = json.loads(observe.stdout)
    assert seen["has_ovs"] is False
    assert {"mac": "0a:01:00:00:00:02", "dst": "192.0.2.2"} in seen["fdb"]["kx7001"]
    assert "state       applied, revision 1 of 1" in status.stdout
