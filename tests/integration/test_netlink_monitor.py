"""What wakes the agent: devices and addresses that change, here and in workloads' namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agent.netlink import Netlink
from agent.planner.plan import CreateVeth
from tests.support.netns import Namespace

pytestmark = pytest.mark.integration


class Changes:
    """An ``on_change`` that can be waited for."""

    def __init__(self) -> None:
        self._seen = asyncio.Event()

    def __call__(self) -> None:
        self._seen.set()

    def forget(self) -> None:
        self._seen.clear()

    async def next(self) -> None:
        async with asyncio.timeout(10):
            await self._seen.wait()
        self.forget()


def watch(host: Namespace, body: Callable[[Netlink, Changes], Awaitable[None]], room: int) -> None:
    async def run() -> None:
        changes = Changes()
        netlink = Netlink(on_change=changes, receive_buffer=room)
        await netlink.open()
        try:
            await body(netlink, changes)
        finally:
            await netlink.close()

    host.run(run)


async def command(host: Namespace, *arguments: str) -> None:
    await asyncio.to_thread(host.ip, *arguments)


def test_a_change_of_a_device_or_address_wakes(netns: Namespace) -> None:
    async def body(netlink: Netlink, changes: Changes) -> None:
        for arguments in (
            ("link", "add", "v0", "type", "bridge"),
            ("address", "add", "192.0.2.1/24", "dev", "v0"),
            ("link", "set", "v0", "mtu", "1300"),
            ("link", "delete", "v0"),
        ):
            await command(netns, *arguments)
            await changes.next()

    watch(netns, body, 1 << 20)


def test_a_change_in_the_workloads_namespace_wakes(
    netns: Namespace, workload_netns: Namespace
) -> None:
    async def body(netlink: Netlink, changes: Changes) -> None:
        await netlink.apply(
            CreateVeth("p", "v0", "ovsfleet:f:p", 1400, workload_netns.name, "eth0")
        )
        await netlink.observe([])
        await settled(changes)
        await command(workload_netns, "address", "add", "192.0.2.1/24", "dev", "eth0")
        await changes.next()

    watch(netns, body, 1 << 20)


async def settled(changes: Changes) -> None:
    """Let the notifications of what we did ourselves arrive: they are queued by now."""
    await changes.next()
    for _ in range(10):
        await asyncio.sleep(0)
    changes.forget()


def test_a_burst_that_does_not_fit_wakes_all_the_same(netns: Namespace) -> None:
    async def body(netlink: Netlink, changes: Changes) -> None:
        # Done in the loop's own thread: nothing is read until the burst is over.
        netns.exec("sh", "-c", burst)
        await changes.next()
        assert netlink.overruns > 0
        assert (await netlink.observe([])).links.keys() >= {f"b{n}" for n in range(20)}
        changes.forget()
        await command(netns, "link", "delete", "b7")
        await changes.next()
        assert "b7" not in (await netlink.observe([])).links

    burst = "for n in $(seq 0 19); do ip link add b$n type bridge; done"
    watch(netns, body, 2304)
