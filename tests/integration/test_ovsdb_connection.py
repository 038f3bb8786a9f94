"""The thread that owns the replica: losing daemons, getting them back, and ending."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agent.ovsdb.apply import Outcome
from agent.ovsdb.connection import OvsdbConnection
from agent.ovsdb.snapshot import OvsdbSnapshot, OvsdbUnavailableError
from agent.planner.plan import AddBridge
from tests.support.ovs import OpenVSwitch, connected, observed_until

pytestmark = pytest.mark.integration

ADD_BRIDGE = AddBridge("bridge:1", "br1", "netdev", {"ovsfleet-owner": "fleet"})


class Signal:
    """An ``on_change`` that can be waited for."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self._event.set()

    async def next(self) -> None:
        async with asyncio.timeout(60):
            await self._event.wait()
        self._event.clear()


def without_progress(snapshot: OvsdbSnapshot) -> tuple[Any, ...]:
    return (snapshot.bridges, snapshot.datapath_types, snapshot.iface_types)


async def disconnected(connection: OvsdbConnection) -> None:
    async with asyncio.timeout(60):
        while connection.connected:  # noqa: ASYNC110 - a plain attribute of another thread
            await asyncio.sleep(0.01)


async def test_a_restarted_database_is_read_again(ovs: OpenVSwitch) -> None:
    ovs.vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev")
    async with connected(ovs) as connection:
        first = await connection.observe()
        ovs.stop_database()
        await disconnected(connection)
        with pytest.raises(OvsdbUnavailableError, match="openvswitch"):
            await connection.observe()
        change_offline(ovs)
        ovs.start_database()
        again = await observed_until(
            connection, lambda seen: bool(seen.bridges), "the database is back"
        )
        assert again.bridges["br0"].external_ids == {"changed": "offline"}
        assert again.bridges.keys() == first.bridges.keys()
        assert again.bridges["br0"].ports == first.bridges["br0"].ports


def change_offline(ovs: OpenVSwitch) -> None:
    update = {
        "op": "update",
        "table": "Bridge",
        "where": [],
        "row": {"external_ids": ["map", [["changed", "offline"]]]},
    }
    command = ["ovsdb-tool", "transact", f"{ovs.directory}/conf.db"]
    text = json.dumps(["Open_vSwitch", update])
    subprocess.run([*command, text], check=True, capture_output=True)


async def test_nothing_is_written_while_the_database_is_away(ovsdb: OpenVSwitch) -> None:
    async with connected(ovsdb) as connection:
        ovsdb.stop_database()
        await disconnected(connection)
        result = await connection.apply([ADD_BRIDGE], "away", 5.0)
        assert (result.outcome, result.transactions) == (Outcome.TRY_AGAIN, 0)


async def test_a_database_that_starts_after_the_agent_is_found(ovsdb: OpenVSwitch) -> None:
    ovsdb.stop_database()
    changed = Signal()
    connection = OvsdbConnection(ovsdb.remote, on_change=changed)
    connection.open()
    try:
        assert not await connection.ready(0.05)
        ovsdb.start_database()
        assert await connection.ready(10.0)
        await changed.next()
        assert (await connection.observe()).bridges == {}
    finally:
        await connection.close()


async def test_a_killed_vswitchd_is_reported_at_once_and_its_return_too(ovs: OpenVSwitch) -> None:
    changed = Signal()
    async with connected(ovs, changed) as connection:
        assert (await connection.observe()).vswitchd_running
        await changed.next()
        before = without_progress(await connection.observe())
        ovs.stop_vswitchd(signal.SIGKILL)
        await changed.next()
        down = await connection.observe()
        assert not down.vswitchd_running
        assert without_progress(down) == before
        ovs.start_vswitchd()
        await changed.next()
        await observed_until(connection, lambda seen: seen.vswitchd_running, "it runs again")


async def test_rows_are_written_but_not_called_realized_without_vswitchd(
    ovsdb: OpenVSwitch,
) -> None:
    async with connected(ovsdb) as connection:
        assert not (await connection.observe()).vswitchd_running
        started = time.monotonic()
        result = await connection.apply([ADD_BRIDGE], "nobody acts", 60.0)
        assert (result.outcome, result.realized) == (Outcome.COMMITTED, False)
        assert time.monotonic() - started < 30.0, "it did not wait for who is not there"


async def test_a_vswitchd_that_hangs_costs_the_deadline_and_nothing_else(ovs: OpenVSwitch) -> None:
    async with connected(ovs) as connection:
        ovs.freeze_vswitchd(frozen=True)
        applied = asyncio.create_task(connection.apply([ADD_BRIDGE], "hangs", 1.0))
        seen = await observed_until(connection, lambda seen: "br1" in seen.bridges, "the row")
        assert not applied.done(), "the thread serves others meanwhile"
        assert seen.bridges["br1"].ports[0].interfaces[0].ofport is None
        result = await applied
        assert (result.outcome, result.realized) == (Outcome.COMMITTED, False)
        assert not (await connection.observe()).caught_up
        ovs.freeze_vswitchd(frozen=False)
        await observed_until(connection, lambda seen: seen.caught_up, "it caught up")


async def test_a_database_that_hangs_is_as_good_as_none(ovs: OpenVSwitch) -> None:
    async with connected(ovs) as connection:
        ovs.freeze_database(frozen=True)
        with pytest.raises(OvsdbUnavailableError, match="did not answer"):
            await connection.apply([ADD_BRIDGE], "hangs", 0.3)
        ovs.freeze_database(frozen=False)
        await observed_until(connection, lambda seen: "br1" in seen.bridges, "it answers again")


async def test_only_what_changed_is_read_again(ovs: OpenVSwitch) -> None:
    for name in ("br0", "br1"):
        ovs.vsctl("add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev")
    async with connected(ovs) as connection:
        first = await connection.observe()
        ovs.vsctl("add-port", "br1", "p1", "--", "set", "Interface", "p1", "type=internal")
        second = await observed_until(
            connection,
            lambda seen: any(port.name == "p1" for port in seen.bridges["br1"].ports),
            "the port is seen",
        )
        assert second.bridges["br0"] is first.bridges["br0"]
        assert second.bridges["br1"].ports[0] is first.bridges["br1"].ports[0]


async def test_the_counters_of_others_transactions_are_no_change(ovsdb: OpenVSwitch) -> None:
    calls: list[None] = []
    async with connected(ovsdb, lambda: calls.append(None)) as connection:
        before = await connection.observe()
        ovsdb.vsctl("--no-wait", "set", "Open_vSwitch", ".", "next_cfg=900")
        await observed_until(connection, lambda seen: seen.seqno > before.seqno, "it is received")
        known = len(calls)
        ovsdb.vsctl("--no-wait", "set", "Open_vSwitch", ".", "cur_cfg=1000")
        await observed_until(connection, lambda seen: seen.caught_up, "it is received")
        assert len(calls) == known


async def test_the_thread_survives_its_own_faults(
    ovsdb: OpenVSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(ovsdb) as connection:
        with monkeypatch.context() as broken:
            broken.setattr(connection._replica, "run", _raise)
            with pytest.raises(ZeroDivisionError):
                await connection.ready(10.0)
        assert await connection.ready(10.0)
        assert (await connection.observe()).bridges == {}


def _raise() -> None:
    raise ZeroDivisionError


async def test_a_faulty_request_fails_alone(ovsdb: OpenVSwitch) -> None:
    unknown: Any = "no operation at all"
    async with connected(ovsdb) as connection:
        with pytest.raises(AssertionError):
            await connection.apply([ADD_BRIDGE, unknown], "x", 5)
        assert (await connection.apply([ADD_BRIDGE], "x", 5)).outcome is Outcome.COMMITTED


def open_descriptors() -> list[str]:
    """Sockets, event descriptors and the like of this process."""
    links = (str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return sorted(link for link in links if link.startswith(("socket:", "anon_inode:", "pipe:")))


async def test_closing_ends_the_thread_and_every_descriptor(ovs: OpenVSwitch) -> None:
    descriptors = open_descriptors()
    async with connected(ovs) as connection:
        assert any(thread.name == "ovsdb" for thread in threading.enumerate())
    assert not any(thread.name == "ovsdb" for thread in threading.enumerate())
    assert open_descriptors() == descriptors
    with pytest.raises(OvsdbUnavailableError):
        await connection.observe()


async def test_only_a_database_on_this_host_is_accepted() -> None:
    with pytest.raises(ValueError, match="unix:"):
        OvsdbConnection("tcp:192.0.2.1:6640")


async def test_a_foreign_text_outside_of_ascii_is_read_as_it_is(ovsdb: OpenVSwitch) -> None:
    ovsdb.vsctl("--no-wait", "add-br", "br0", "--", "br-set-external-id", "br0", "n", "Zürich€" * 9)
    async with connected(ovsdb) as connection:
        bridge = (await connection.observe()).bridges["br0"]
    assert bridge.external_ids == {"n": "Zürich€" * 9}


async def test_a_large_database_is_read_whole(ovsdb: OpenVSwitch) -> None:
    ovsdb.vsctl("--no-wait", "add-br", "br0")
    for start in range(0, 2000, 250):
        ovsdb.transact(*_add_ports(range(start, start + 250)))
    async with connected(ovsdb) as connection:
        bridge = (await connection.observe()).bridges["br0"]
    assert {port.name for port in bridge.ports} == {"br0", *(f"p{n}" for n in range(2000))}
    assert all(port.interfaces[0].name == port.name for port in bridge.ports)


def _add_ports(numbers: range) -> list[dict[str, Any]]:
    text = ["map", [["text", 'with "{braces}"']]]
    interfaces = [
        _insert("Interface", f"i{n}", {"name": f"p{n}", "external_ids": text}) for n in numbers
    ]
    ports = [
        _insert("Port", f"p{n}", {"name": f"p{n}", "interfaces": ["named-uuid", f"i{n}"]})
        for n in numbers
    ]
    members = ["set", [["named-uuid", f"p{n}"] for n in numbers]]
    mutate = {"op": "mutate", "table": "Bridge", "where": []}
    return [*interfaces, *ports, {**mutate, "mutations": [["ports", "insert", members]]}]


def _insert(table: str, name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {"op": "insert", "table": table, "uuid-name": name, "row": row}
