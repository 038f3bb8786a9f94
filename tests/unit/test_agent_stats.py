"""Whose counters, of which life, and when: the agent's statistics without any I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from ovsfleet.v1 import stats_pb2
from pydantic import ValidationError

from agent.config import Settings
from agent.controlplane.stats_queue import ReportQueue
from agent.fragments import SegmentFragment, SegmentMember
from agent.model import Bridge, BridgeType, DatapathType, HostState, Port, PortType, Tunnel, alias
from agent.netlink.statistics import DeviceCounters, KernelCounters
from agent.observability import Metrics
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.ovsdb.statistics import InterfaceCounters, StatisticsUnavailableError, SwitchCounters
from agent.stats.collector import Collector, next_due
from agent.stats.subjects import (
    Life,
    LocalVteps,
    Series,
    Settling,
    bridged_cards,
    device_series,
    interface_series,
    merged,
    uplinks,
)
from tests.support.agent_shell import HandClock, seeded

FLEET, OTHERS = "fleet-1", "fleet-2"
LIFE = Life("boot-1", 4026531840)
COUNTS = {"rx_bytes": 100, "tx_bytes": 200}


def row(resource: str, **fields: Any) -> InterfaceCounters:
    made = InterfaceCounters("uuid-1", "p1", "internal", 7, resource, COUNTS)
    return made._replace(**fields)


def switch(*rows: InterfaceCounters, process: str = "10@500") -> SwitchCounters:
    return SwitchCounters(process, 5.0, rows)


def device(name: str, marked: str = "", ifindex: int = 3) -> DeviceCounters:
    return DeviceCounters(name, ifindex, marked, COUNTS)


def subjects(found: Collection[Series]) -> list[str]:
    return [each.subject for each in found]


def epoch(found: SwitchCounters, life: Life = LIFE) -> int:
    (series,) = interface_series(life, found)
    return series.epoch


def test_rows_tell_of_ports_and_tunnels_and_of_nothing_else() -> None:
    rows = (
        row("port:a"),
        row("tunnel:s/h", type="vxlan", uuid="uuid-2"),
        row("tunnel:t", type="vxlan", uuid="uuid-3"),
        row("segment:k", type="", uuid="uuid-4"),
        row("bridge:b", uuid="uuid-5"),
        row("overlay", uuid="uuid-6"),
        row("port:uncounted", counts={}, uuid="uuid-7"),
    )
    assert subjects(interface_series(LIFE, switch(*rows))) == ["port:a", "tunnel:s/h", "tunnel:t"]


def test_two_rows_of_one_port_are_one_series_and_always_of_the_same_row() -> None:
    one, two = row("port:a", uuid="1", ifindex=1), row("port:a", uuid="2", ifindex=2)
    assert interface_series(LIFE, switch(one, two)) == interface_series(LIFE, switch(two, one))
    assert len(interface_series(LIFE, switch(one, two))) == 1


def test_a_bond_counts_what_its_members_do_and_begins_anew_with_another_member() -> None:
    first = row("port:a", name="eth1", type="", ifindex=3)
    second = row("port:a", name="eth2", type="", ifindex=4, uuid="uuid-2")
    (series,) = interface_series(LIFE, switch(first, second))
    assert series.counts == {"rx_bytes": 200, "tx_bytes": 400}
    assert epoch(switch(second, first)) == series.epoch
    assert epoch(switch(first, second._replace(ifindex=5))) != series.epoch
    assert epoch(switch(first)) != series.epoch


def test_devices_tell_of_segments_bridged_ports_and_what_carries_the_tunnels() -> None:
    kernel = KernelCounters(
        vxlan=(
            device("kx5000", alias(FLEET, "segment:k")),
            device("kx6000", alias(OTHERS, "segment:theirs")),
            device("vxlan_sys_4789"),
            device("vxlan0"),
        ),
        bridged=(device("w1", alias(FLEET, "port:w")), device("kx5000", alias(FLEET, "segment:k"))),
        underlay=(device("br-phy"), device("eth1"), device("p9", alias(FLEET, "port:p"))),
    )
    assert subjects(device_series(FLEET, LIFE, kernel)) == [
        "segment:k",
        "device:vxlan_sys_4789",
        "port:w",
        "device:br-phy",
        "device:eth1",
    ]


def test_a_subject_that_both_sources_know_is_one_series() -> None:
    kernel = KernelCounters(bridged=(device("w1", alias(FLEET, "port:a"), ifindex=9),))
    told = device_series(FLEET, LIFE, kernel)
    assert merged(told, interface_series(LIFE, switch(row("port:a")))) == told


def test_the_counts_of_a_device_live_on_when_its_row_or_ovs_vswitchd_is_new() -> None:
    before = epoch(switch(row("port:a")))
    assert epoch(switch(row("port:a", uuid="uuid-2"))) == before
    assert epoch(switch(row("port:a"), process="11@900")) == before
    assert epoch(switch(row("port:a", ifindex=8))) != before
    assert epoch(switch(row("port:a")), Life("boot-2", LIFE.namespace)) != before
    assert epoch(switch(row("port:a")), Life("boot-1", 1)) != before


def test_the_counts_of_a_tunnel_die_with_its_row_and_with_ovs_vswitchd() -> None:
    tunnel = row("tunnel:t", type="vxlan")
    before = epoch(switch(tunnel))
    assert epoch(switch(tunnel)) == before
    assert epoch(switch(tunnel._replace(ifindex=99))) == before
    assert epoch(switch(tunnel._replace(uuid="uuid-2"))) != before
    assert epoch(switch(tunnel, process="10@900")) != before


def test_counts_of_a_new_life_are_held_back_until_they_must_have_been_written() -> None:
    settling = Settling()
    old, new = Series("tunnel:t", 1, COUNTS), Series("tunnel:t", 2, COUNTS)
    assert settling.settled([old], 5.0, now=0.0) == []
    assert settling.settled([old], 5.0, now=6.0) == [old]
    assert settling.settled([new], 5.0, now=7.0) == []
    assert settling.settled([new], 5.0, now=12.0) == []
    assert settling.settled([new], 5.0, now=13.0) == [new]
    assert settling.settled([], 5.0, now=14.0) == []
    assert settling.settled([new], 5.0, now=15.0) == [], "it was gone, and is new again"


def host_state(*fragments: SegmentFragment, tunnels: Collection[Tunnel] = ()) -> HostState:
    by_hash = {each.hash: each for each in fragments}
    return HostState("f", 1, 1, b"", "me", "h1", tunnels=tuple(tunnels), fragments=by_hash)


def mesh_from(vtep: str, name: bytes = b"f") -> SegmentFragment:
    members = (SegmentMember("me", "h1", vtep), SegmentMember("you", "h2", "192.0.2.2"))
    return SegmentFragment(name, "s", 5000, 4789, 1450, members)


def tunnel_from(address: str) -> Tunnel:
    return Tunnel(f"tunnel:{address}", "br", address, "192.0.2.9", 7, 4789)


def test_tunnels_start_from_the_addresses_that_the_state_gives_this_host() -> None:
    vteps = LocalVteps()
    assert vteps.of(None) == frozenset()
    state = host_state(mesh_from("192.0.2.1"), tunnels=[tunnel_from("2001:db8::1")])
    assert vteps.of(state) == {"192.0.2.1", "2001:db8::1"}
    assert vteps.of(host_state(mesh_from("192.0.2.5", b"g"))) == {"192.0.2.5"}
    assert vteps.of(state) == {"192.0.2.1", "2001:db8::1"}


def test_a_segment_that_stays_as_it_is_is_looked_through_once() -> None:
    looks: list[str] = []

    class Members(tuple[SegmentMember, ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[SegmentMember]:
            looks.append("once")
            return super().__iter__()

    fragment = mesh_from("192.0.2.1")
    fragment = replace(fragment, members=Members(fragment.members))
    vteps = LocalVteps()
    for more in (b"g", b"h"):
        state = host_state(fragment, mesh_from("192.0.2.7", more))
        assert vteps.of(state) == {"192.0.2.1", "192.0.2.7"}
    assert looks == ["once"]


@pytest.mark.parametrize("malformed", ["", "192.0.2.300", "h1", "192.0.2.1/24"])
def test_an_address_that_is_none_costs_no_other_its_counters(malformed: str) -> None:
    tunnels = (tunnel_from("192.0.2.1"), tunnel_from(malformed))
    state = host_state(mesh_from(malformed), tunnels=tunnels)
    assert LocalVteps().of(state) == {"192.0.2.1"}


def test_what_leaves_the_host_under_a_bridge_are_the_devices_that_somebody_else_made() -> None:
    def port(name: str, kind: str = "", **marks: str) -> OvsPort:
        return OvsPort(name, (OvsInterface(name, kind, external_ids=marks),))

    bond = OvsPort("bond0", (OvsInterface("eth1"), OvsInterface("eth2", "system")))
    ports = (
        port("br-phy", "internal"),
        port("vx", "vxlan"),
        port("patch", "patch"),
        port("w1", **{"ovsfleet-owner": FLEET}),
        port("eth9", **{"ovsfleet-owner": FLEET, "ovsfleet-ifindex": "9"}),
        bond,
    )
    bridges = {"br-phy": OvsBridge("br-phy", ports)}
    assert list(uplinks(bridges, "br-phy")) == ["eth9", "eth1", "eth2"]
    assert list(uplinks(bridges, "eth0")) == []


@pytest.mark.parametrize(
    ("now", "expected"), [(10.0, 15.0), (12.0, 15.0), (15.0, 20.0), (61.0, 65.0), (9.0, 15.0)]
)
def test_after_a_stall_the_beat_goes_on_and_nothing_is_made_up_for(
    now: float, expected: float
) -> None:
    assert next_due(10.0, 5.0, now) == expected


class Told:
    """Open vSwitch as a test says; notes when it was asked."""

    def __init__(self, clock: HandClock, polls: int) -> None:
        self.clock = clock
        self.answer: SwitchCounters | StatisticsUnavailableError = switch(row("port:a"))
        self.takes_s = 0.0
        self.asked: list[float] = []
        self._polls = polls
        self.enough = asyncio.Event()

    async def poll(self) -> SwitchCounters:
        self.asked.append(self.clock.now())
        self.clock.advance(self.takes_s)
        if len(self.asked) >= self._polls:
            self.enough.set()
            await asyncio.Event().wait()
        if isinstance(self.answer, StatisticsUnavailableError):
            raise self.answer
        return self.answer


class Bench:
    """A collector on a clock set by hand."""

    def __init__(self, polls: int = 5) -> None:
        self.clock = HandClock()
        self.switch = Told(self.clock, polls)
        self.metrics = Metrics()
        self.queue = ReportQueue()
        self.collector = Collector(
            self.queue,
            owner=FLEET,
            life=LIFE,
            switch=self.switch,
            vteps=lambda: {"127.0.0.1"},
            cards=dict,
            uplinks=lambda _: (),
            is_wanted=lambda: True,
            clock=self.clock,
            metrics=self.metrics,
            rng=seeded(),
        )

    async def run(self) -> list[float]:
        """How far apart the polls were."""
        task = asyncio.create_task(self.collector.run())
        async with asyncio.timeout(60):
            await self.switch.enough.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        asked = self.switch.asked
        return [round(later - earlier, 6) for earlier, later in pairwise(asked)]

    def reported(self) -> list[list[str]]:
        reports: list[list[str]] = []
        while (kept := self.queue.next_after(len(reports))) is not None:
            report = stats_pb2.ReportRequest.FromString(kept.content)
            reports.append([each.subject for each in report.counters])
        return reports


async def test_polls_keep_the_pace_that_the_controller_asks_for() -> None:
    bench = Bench()
    bench.collector.set_interval(2000)
    assert await bench.run() == [2.0] * 4


async def test_without_a_wish_of_the_controller_the_pace_is_the_agents_own() -> None:
    bench = Bench()
    bench.collector.set_interval(0)
    assert await bench.run() == [5.0] * 4


async def test_polls_that_take_too_long_become_fewer() -> None:
    bench = Bench()
    bench.switch.takes_s = 7.0
    assert await bench.run() == [10.0] * 4


async def test_without_open_vswitch_the_devices_are_reported_still() -> None:
    bench = Bench(polls=3)
    bench.switch.answer = StatisticsUnavailableError("vswitchd", "ovs-vswitchd is not running")
    await bench.run()
    assert bench.reported() == [["device:lo"], ["device:lo"]]
    samples = bench.metrics.samples()
    assert samples["ovsfleet_agent_stats_failures_total{source=vswitchd}"] == 2
    assert samples["ovsfleet_agent_stats_subjects"] == 1


async def test_what_open_vswitch_does_not_count_is_unset_in_the_report() -> None:
    bench = Bench(polls=4)
    await bench.run()
    newest = bench.queue.next_after(2)
    assert newest is not None
    counters = stats_pb2.ReportRequest.FromString(newest.content).counters
    by_subject = {each.subject: each for each in counters}
    assert by_subject["port:a"].rx_bytes == 100
    assert not by_subject["port:a"].HasField("rx_errors")
    assert by_subject["device:lo"].HasField("tx_carrier_errors")


@pytest.mark.parametrize(
    "address", ["9475", "localhost:", ":9475", "127.0.0.1:99999", "a:b", "a..b:9475"]
)
def test_a_metrics_address_that_is_none_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ValidationError, match=r"write host:port, for example 127\.0\.0\.1:9475"):
        Settings(metrics_address=address)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", None), ("127.0.0.1:9475", ("127.0.0.1", 9475)), ("[::1]:9475", ("::1", 9475))],
)
def test_a_metrics_address_is_read_in_both_families(
    text: str, expected: tuple[str, int] | None
) -> None:
    assert Settings(metrics_address=text).metrics_endpoint == expected


def test_cards_on_linux_bridges_count_for_their_ports_and_other_devices_there_for_none() -> None:
    lan = Bridge("bridge:l", "lan", DatapathType.UNKNOWN, type=BridgeType.LINUX)
    of_ovs = Bridge("bridge:o", "br0", DatapathType.SYSTEM)
    ports = (
        Port("port:c", "eth1", PortType.SYSTEM, "lan"),
        Port("port:t", "tap0", PortType.TAP, "lan"),
        Port("port:o", "eth2", PortType.SYSTEM, "br0"),
    )
    state = HostState(FLEET, 1, 1, b"s", "h0", "h0", bridges=(lan, of_ovs), ports=ports)
    cards = bridged_cards(state)
    assert cards == {"eth1": "port:c"}
    devices = (device("eth1"), device("eth3"), device("tap0", alias(FLEET, "port:t")))
    found = device_series(FLEET, LIFE, KernelCounters(bridged=devices), cards)
    assert sorted(each.subject for each in found) == ["port:c", "port:t"]
    assert bridged_cards(None) == {}
