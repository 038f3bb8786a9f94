"""One host with the whole agent on it, as a process, and the controller's end of its stream."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from ovsfleet.v1 import agent_pb2

from agent.controlplane import codec
from agent.fragments import SegmentFragment, SegmentMember
from agent.model import Bridge, DatapathType, HostState, Port, PortType, SegmentAttachment, VethPeer
from tests.support.agent_process import AgentProcess
from tests.support.netns import Namespace
from tests.support.ovs import OpenVSwitch
from tests.support.southbound import DEADLINE_S, ControllerEnd, controller_end
from tests.support.waiting import eventually

OTHER = "00000000-0000-4000-8000-000000000002"
SEGMENT = "00000000-0000-4000-8000-00000000000a"


class Lab:
    """One host with its agent, and the controller's end of its stream."""

    def __init__(
        self,
        agent: AgentProcess,
        controller: ControllerEnd,
        ovs: OpenVSwitch,
        host: Namespace,
        workload: Namespace,
    ) -> None:
        self.agent = agent
        self.controller = controller
        self.ovs = ovs
        self.host = host
        self.workload = workload

    def state(self, revision: int = 1, *, epoch: int = 1) -> HostState:
        """Two ports on one segment towards one other host."""
        members = (
            SegmentMember(self.controller.host_uid, "h1", "192.0.2.1"),
            SegmentMember(OTHER, "h2", "192.0.2.2"),
        )
        fragment = SegmentFragment(b"f1", SEGMENT, 5000, 4789, 1450, members)
        return HostState(
            fleet_uid=self.controller.fleet_uid,
            fleet_epoch=epoch,
            revision=revision,
            hash=b"hash of %d" % revision,
            host_uid=self.controller.host_uid,
            host_name="h1",
            overlay=Bridge("overlay", "br-fleet", DatapathType.NETDEV),
            ports=(
                Port(
                    "port:p1",
                    "p1",
                    PortType.INTERNAL,
                    "br-fleet",
                    tag=2,
                    mac="0a:00:00:00:00:01",
                    mtu=1450,
                    addresses=frozenset({"10.9.0.1/24"}),
                ),
                self.veth_port(self.workload.name),
            ),
            attachments=(SegmentAttachment(SEGMENT, 2, b"f1"),),
            fragments={b"f1": fragment},
        )

    def veth_port(self, netns: str) -> Port:
        return Port(
            "port:w1",
            "w1",
            PortType.VETH,
            "br-fleet",
            tag=2,
            mac="0a:00:00:00:00:02",
            mtu=1450,
            addresses=frozenset({"10.9.0.2/24"}),
            peer=VethPeer(netns, "eth0"),
        )

    async def start(self, **environment: str) -> None:
        """Start the agent and wait for its session."""
        sessions = len(self.controller.sessions)
        await self.agent.start(**environment)
        await self.controller.until(lambda: len(self.controller.sessions) > sessions, "a session")

    async def send(self, state: HostState) -> None:
        self.controller.push(codec.encode_host_state(state))

    async def realize(self, state: HostState) -> agent_pb2.HostStatus:
        await self.send(state)
        return await self.applied(state.revision)

    async def applied(self, revision: int) -> agent_pb2.HostStatus:
        """Wait for a report that the revision is applied without a failure."""
        return await self.reported(
            lambda status: (
                status.applied_revision == revision
                and status.outcome == agent_pb2.OUTCOME_APPLIED
                and not status.failures
            ),
            f"revision {revision} applied",
        )

    async def reported(
        self, holds: Callable[[agent_pb2.HostStatus], bool], what: str
    ) -> agent_pb2.HostStatus:
        def newest_holds() -> bool:
            statuses = self.controller.session.statuses if self.controller.sessions else []
            return bool(statuses) and holds(statuses[-1])

        try:
            await self.controller.until(newest_holds, what)
        except AssertionError as error:
            seen = self.controller.statuses()[-1:]
            raise AssertionError(f"{error}; last {seen}; log:\n{self.agent.log()}") from error
        return self.controller.session.statuses[-1]

    def assert_realized(self) -> None:
        """Look at the host itself, with the tools an operator has."""
        tags = {name: self.ovs.vsctl("get", "Port", name, "tag") for name in ("p1", "w1")}
        assert tags == {"p1": "2", "w1": "2"}
        tunnels = self.ovs.vsctl("--bare", "--columns=options", "find", "Interface", "type=vxlan")
        assert "remote_ip=192.0.2.2" in tunnels
        assert "key=5000" in tunnels.replace('"', "")
        inner = self.host.ip_json("address", "show", "dev", "p1")[0]
        assert (inner["address"], inner["mtu"]) == ("0a:00:00:00:00:01", 1450)
        assert "10.9.0.1" in [each["local"] for each in inner["addr_info"]]
        peer = self.workload.ip_json("address", "show", "dev", "eth0")[0]
        assert (peer["address"], peer["mtu"]) == ("0a:00:00:00:00:02", 1450)
        assert "10.9.0.2" in [each["local"] for each in peer["addr_info"]]

    def assert_quiet(self) -> None:
        """The kernel has ended its own search for duplicates of the IPv6 link-local addresses."""
        devices = self.host.ip_json("address", "show", "tentative")
        assert [each["ifname"] for each in devices if each["addr_info"]] == []

    def rows(self) -> str:
        """The whole configuration of Open vSwitch that can be written, with its UUIDs."""
        return self.ovs.dump("Port") + self.ovs.dump("Bridge", "name", "ports", "external_ids")


@pytest.fixture
async def lab(
    tmp_path: Path, ovs: OpenVSwitch, netns: Namespace, workload_netns: Namespace
) -> AsyncIterator[Lab]:
    async with controller_end() as controller:
        state_dir = tmp_path / "state"
        state_dir.mkdir()
        agent = AgentProcess(state_dir, netns, ovs.remote, controller)
        made = Lab(agent, controller, ovs, netns, workload_netns)
        try:
            yield made
        finally:
            if agent.started:
                await agent.end(signal.SIGKILL)


def holds_again(check: Callable[[], None]) -> None:
    """Repeat a look that raises AssertionError until it does not."""
    failures: list[AssertionError] = []

    def holds() -> bool:
        try:
            check()
        except AssertionError as error:
            failures[:] = [error]
            return False
        return True

    try:
        eventually(holds, within=DEADLINE_S, what="the host is as intended again")
    except AssertionError as error:
        raise failures[-1] from error
