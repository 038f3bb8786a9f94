"""A running agent and the addresses that others give to its devices."""

from __future__ import annotations

import asyncio
import dataclasses
import signal

import pytest

from agent.model import HostState
from tests.support.agent_lab import Lab, holds_again
from tests.support.netns import Namespace

pytestmark = pytest.mark.integration

FOREIGN = {"10.9.0.77/24", "192.0.2.77/32", "2001:db8:9::77/64"}
"""A lease beside our own address, and virtual ones."""


def readdressed(lab: Lab, revision: int, inner: set[str], peer: set[str]) -> HostState:
    state = lab.state(revision)
    ports = tuple(
        dataclasses.replace(port, addresses=frozenset(given))
        for port, given in zip(state.ports, (inner, peer), strict=True)
    )
    return dataclasses.replace(state, ports=ports)


def places(lab: Lab) -> tuple[tuple[Namespace, str], tuple[Namespace, str]]:
    return (lab.host, "p1"), (lab.workload, "eth0")


def addresses(lab: Lab) -> tuple[set[str], set[str]]:
    """What p1 and its namesake in the workload's namespace have, as an operator sees it."""
    inner, peer = (
        {
            f"{each['local']}/{each['prefixlen']}"
            for each in host.ip_json("address", "show", "dev", device)[0]["addr_info"]
            if each["scope"] == "global"
        }
        for host, device in places(lab)
    )
    return inner, peer


def interfere(lab: Lab) -> None:
    for host, device in places(lab):
        for cidr in FOREIGN:
            host.ip("address", "add", cidr, "dev", device)


async def test_foreign_addresses_outlive_updates_and_restarts_and_our_own_follow_intent(
    lab: Lab,
) -> None:
    await lab.start()
    first = readdressed(lab, 1, {"10.9.0.1/24", "2001:db8:9::1/64"}, {"10.9.0.2/24"})
    await lab.realize(first)
    interfere(lab)
    assert addresses(lab)[0] == {"10.9.0.1/24", "2001:db8:9::1/64"} | FOREIGN
    await lab.realize(
        readdressed(lab, 2, {"10.9.0.1/25", "2001:db8:9::1/80"}, {"10.9.0.3/24", "10.9.0.77/24"})
    )
    assert addresses(lab) == (
        {"10.9.0.1/25", "2001:db8:9::1/80"} | FOREIGN,
        {"10.9.0.3/24"} | FOREIGN,
    )
    await lab.agent.end(signal.SIGKILL)
    await lab.start()
    await lab.applied(2)
    assert lab.agent.writes() == (0, 0)
    await lab.realize(readdressed(lab, 3, set(), set()))
    assert addresses(lab) == (FOREIGN, FOREIGN)


async def test_what_is_changed_inside_a_workloads_namespace_is_noticed_at_once(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    await assert_healing(lab)
    await lab.agent.end()
    await lab.start()
    await lab.applied(1)
    await assert_healing(lab)


async def assert_healing(lab: Lab) -> None:
    """The next look that nothing asks for is minutes away."""
    for change in (
        ("address", "flush", "dev", "eth0"),
        ("link", "set", "eth0", "mtu", "1300"),
        ("link", "set", "eth0", "address", "0a:00:00:00:00:99"),
    ):
        lab.workload.ip(*change)
        await asyncio.to_thread(holds_again, lab.assert_realized)
