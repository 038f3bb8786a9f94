"""What wakes the agent: devices, addresses and our forwarding entries that change; nothing else."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable

import pytest

from agent.model import BROADCAST_FDB
from agent.netlink import Netlink, link
from agent.netlink import fdb as agent_fdb
from agent.observed import FdbEntry, Vxlan
from agent.planner.plan import AddFdb, CreateVeth, CreateVxlan
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

    @property
    def seen(self) -> bool:
        return self._seen.is_set()

    async def next(self) -> None:
        async with asyncio.timeout(60):
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
    await delivered()
    changes.forget()


async def delivered() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


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


# --- forwarding entries --------------------------------------------------------------------------

FLOODED = FdbEntry(BROADCAST_FDB, "192.0.2.2")
KNOWN = FdbEntry("0a:01:00:00:00:02", "192.0.2.2")


async def segment(netlink: Netlink) -> None:
    """A vxlan device of ours with a table, known to whoever watches."""
    made = Vxlan(vni=7001, local_ip="192.0.2.1", dst_port=8472)
    create = CreateVxlan("s", "kx1", "ovsfleet:f:s", made, "0a:00:00:00:00:01", 1450)
    for step in (create, AddFdb("s", "kx1", (FLOODED, KNOWN))):
        assert await netlink.apply(step) is None
    await netlink.observe([])


async def fdb(host: Namespace, *arguments: str) -> None:
    command = ("bridge", "-n", host.name, "fdb", *arguments)
    await asyncio.to_thread(subprocess.run, command, check=True)


def test_an_entry_of_ours_that_somebody_changes_wakes(netns: Namespace) -> None:
    async def body(netlink: Netlink, changes: Changes) -> None:
        await segment(netlink)
        await settled(changes)
        for arguments in (
            ("del", KNOWN.mac, "dev", "kx1", "dst", KNOWN.dst, "self"),
            ("append", BROADCAST_FDB, "dev", "kx1", "dst", "192.0.2.9", "self"),
            ("del", BROADCAST_FDB, "dev", "kx1", "dst", FLOODED.dst, "self"),
        ):
            await fdb(netns, *arguments)
            await changes.next()

    watch(netns, body, 1 << 20)


@pytest.fixture
def tables_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The devices whose forwarding tables were read, by index."""
    read: list[int] = []
    entries = agent_fdb.entries

    def noted(ifindex: int) -> frozenset[FdbEntry]:
        read.append(ifindex)
        return entries(ifindex)

    monkeypatch.setattr(agent_fdb, "entries", noted)
    return read


def test_a_look_reads_only_the_tables_that_changed(
    netns: Namespace, tables_read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(netlink: Netlink, changes: Changes) -> None:
        async def look() -> tuple[set[str], dict[str, int]]:
            """The devices whose tables were read, and how much is in every table."""
            tables_read.clear()
            seen = await netlink.observe([])
            names = {link.ifindex: link.name for link in seen.links.values()}
            return {names[each] for each in tables_read}, {n: len(t) for n, t in seen.fdb.items()}

        second = Vxlan(vni=7002, local_ip="192.0.2.1", dst_port=8472)
        create = CreateVxlan("t", "kx2", "ovsfleet:f:t", second, "0a:00:00:00:00:02", 1450)
        await segment(netlink)
        assert await netlink.apply(create) is None
        await look()
        assert await look() == (set(), {"kx1": 2, "kx2": 0})
        await fdb(netns, "del", KNOWN.mac, "dev", "kx1", "dst", KNOWN.dst, "self")
        assert await look() == ({"kx1"}, {"kx1": 1, "kx2": 0})
        assert await netlink.apply(AddFdb("t", "kx2", (FLOODED,))) is None
        assert await look() == ({"kx2"}, {"kx1": 1, "kx2": 1})
        assert await look() == (set(), {"kx1": 1, "kx2": 1})
        netns.exec("sh", "-c", burst)
        assert await look() == ({"kx1", "kx2"}, {"kx1": 1, "kx2": 1})
        assert netlink.overruns > 0
        monkeypatch.setattr(link, "TABLES_TRUSTED_S", 0.0)
        assert await look() == ({"kx1", "kx2"}, {"kx1": 1, "kx2": 1})

    burst = "for n in $(seq 0 19); do ip link add b$n type bridge; done"
    watch(netns, body, 2304)


def test_a_change_in_a_table_that_was_not_known_yet_wakes_once_it_is(netns: Namespace) -> None:
    async def body(netlink: Netlink, changes: Changes) -> None:
        await segment(netlink)
        netns.ip("link", "set", "kx1", "up", "alias", "")
        await netlink.observe([])
        netns.ip("link", "set", "kx1", "alias", "ovsfleet:f:s")
        await settled(changes)
        await fdb(netns, "del", KNOWN.mac, "dev", "kx1", "dst", KNOWN.dst, "self")
        await delivered()
        assert not changes.seen
        await netlink.observe([])
        assert changes.seen

    watch(netns, body, 1 << 20)


def test_what_others_learn_does_not_wake(netns: Namespace) -> None:
    netns.ip("link", "add", "theirs", "type", "vxlan", "id", "9", "dstport", "4444")
    netns.ip("link", "add", "br0", "type", "bridge")
    netns.ip("link", "add", "v0", "up", "master", "br0", "type", "veth", "peer", "name", "v1")
    netns.ip("link", "set", "v1", "up")
    netns.ip("link", "set", "br0", "up")

    async def body(netlink: Netlink, changes: Changes) -> None:
        await segment(netlink)
        await command(netns, "link", "set", "kx1", "up", "master", "br0")
        await settled(changes)
        mac = "0a:02:00:00:00:01"
        await command(netns, "neighbour", "add", "192.0.2.7", "lladdr", mac, "dev", "br0")
        await command(netns, "neighbour", "delete", "192.0.2.7", "dev", "br0")
        await fdb(netns, "add", mac, "dev", "theirs", "dst", "192.0.2.9", "self")
        await fdb(netns, "add", mac, "dev", "v0", "master", "dynamic")
        await fdb(netns, "replace", mac, "dev", "kx1", "master", "dynamic")
        await delivered()
        assert not changes.seen
        await command(netns, "link", "set", "br0", "mtu", "1300")
        await changes.next()

    watch(netns, body, 1 << 20)
