"""When ovs-vswitchd counts as running: from the moment its devices are there."""

from __future__ import annotations

import asyncio
import signal

import pytest

from agent.model import Bridge, DatapathType, HostState, Port, PortType
from agent.netlink import dump
from agent.netlink.netns import call_in
from agent.ovsdb.connection import OvsdbConnection
from tests.support.agent_lab import Lab, holds_again
from tests.support.netns import Namespace
from tests.support.ovs import OpenVSwitch, connected, observed_until

pytestmark = pytest.mark.integration

PORTS = tuple(f"p{number}" for number in range(100))


def add_many_ports(ovs: OpenVSwitch) -> None:
    ovs.vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev")
    words = [
        word
        for name in PORTS
        for word in ("--", "add-port", "br0", name, "--", "set", "Interface", name, "type=internal")
    ]
    ovs.vsctl(*words[1:])


def as_after_a_reboot(ovs: OpenVSwitch, host: Namespace) -> None:
    """The rows are there, the devices are not, and ovs-vswitchd has just begun to listen."""
    ovs.stop_vswitchd(signal.SIGKILL)
    for name in sorted(devices(host) - {"lo"}):
        host.ip("link", "delete", name)
    ovs.start_vswitchd()


def devices(host: Namespace) -> set[str]:
    return call_in(host.name, lambda: set(dump.links()))


async def test_a_vswitchd_runs_only_once_it_has_made_its_devices(
    ovs: OpenVSwitch, netns: Namespace
) -> None:
    add_many_ports(ovs)
    async with connected(ovs) as connection:
        as_after_a_reboot(ovs, netns)
        await observed_until(connection, lambda seen: seen.vswitchd_running, "it is back")
        assert devices(netns) >= set(PORTS)


async def test_an_agent_that_starts_along_with_vswitchd_sees_it_with_its_devices(
    ovs: OpenVSwitch, netns: Namespace
) -> None:
    add_many_ports(ovs)
    as_after_a_reboot(ovs, netns)
    async with connected(ovs) as connection:
        await observed_until(connection, lambda seen: seen.vswitchd_running, "it is back")
        assert devices(netns) >= set(PORTS)


async def test_a_vswitchd_without_any_bridge_runs(ovs: OpenVSwitch) -> None:
    async with connected(ovs) as connection:
        assert (await connection.observe()).vswitchd_running


async def test_a_vswitchd_whose_only_bridge_cannot_work_runs(ovs: OpenVSwitch) -> None:
    ovs.vsctl("--no-wait", "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=unknown")
    ovs.stop_vswitchd()
    ovs.start_vswitchd()
    async with connected(ovs) as connection:
        await observed_until(connection, lambda seen: seen.vswitchd_running, "it runs")


async def test_a_vswitchd_without_a_database_does_not_run_yet(ovs: OpenVSwitch) -> None:
    ovs.vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev")
    ovs.stop_vswitchd()
    ovs.stop_database()
    ovs.start_vswitchd()
    connection = OvsdbConnection(ovs.remote)
    connection.open()
    try:
        assert not await connection.ready(0.5)
        assert connection._vswitchd.starting
        ovs.start_database()
        await observed_until(connection, lambda seen: seen.vswitchd_running, "it runs")
    finally:
        await connection.close()


async def test_a_restart_of_vswitchd_makes_the_agent_write_nothing(lab: Lab) -> None:
    ports = tuple(Port(f"port:{name}", name, PortType.INTERNAL, "br-fleet") for name in PORTS)
    state = HostState(
        *(lab.controller.fleet_uid, 1, 1, b"many", lab.controller.host_uid, "h1"),
        overlay=Bridge("overlay", "br-fleet", DatapathType.NETDEV),
        ports=ports,
    )
    await lab.start()
    await lab.realize(state)
    log = lab.ovs.log()
    as_after_a_reboot(lab.ovs, lab.host)
    await asyncio.to_thread(holds_again, lambda: assert_up(lab.host))
    await lab.applied(1)
    assert "ovsfleet-agent" not in lab.ovs.log().removeprefix(log)


def assert_up(host: Namespace) -> None:
    """The agent has configured the devices that ovs-vswitchd made anew."""
    up = call_in(host.name, lambda: {link.name for link in dump.links().values() if link.up})
    assert up >= set(PORTS)
