"""Counters of a real Open vSwitch and of real devices: whose they are, and that they are true."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from agent.model import alias
from agent.netlink import netns as namespaces
from agent.netlink import statistics as kernel_statistics
from agent.netlink import wire
from agent.ovsdb import statistics as switch_statistics
from agent.ovsdb.statistics import StatisticsUnavailableError, SwitchStatistics
from agent.stats.collector import current_life
from agent.stats.subjects import Series, device_series, interface_series
from tests.support.netns import Namespace, namespace, unique_name
from tests.support.ovs import OpenVSwitch, open_vswitch
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

FLEET = "00000000-0000-4000-8000-00000000000f"
VTEP = "192.0.2.1"
FRAMES = 17
FRAME = b"\xff" * 6 + b"\x0a\x00\x00\x00\x00\x02" + b"\x88\xb5" + bytes(86)
"""A broadcast of a local experimental EtherType: nobody answers it."""


@dataclass
class Site:
    """A host whose rows and devices bear the fleet's marks; ``workload`` has two veth peers."""

    host: Namespace
    workload: Namespace
    ovs: OpenVSwitch

    def switch(self) -> dict[str, Series]:
        """What a newly started agent reads of Open vSwitch."""

        async def poll() -> list[Series]:
            found = await SwitchStatistics(self.ovs.remote, FLEET).poll()
            return interface_series(current_life(), found)

        return {each.subject: each for each in self.host.run(poll)}

    def kernel(self) -> dict[str, Series]:
        def take() -> list[Series]:
            found = kernel_statistics.take(FLEET, {VTEP}, lambda name: [f"u-{name}"])
            return device_series(FLEET, current_life(), found, {"card0": "port:card"})

        return {each.subject: each for each in namespaces.call_in(self.host.name, take)}

    def send(self, place: Namespace, device: str) -> None:
        def send() -> None:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
                wire.bind((device, 0))
                for _ in range(FRAMES):
                    wire.send(FRAME)

        namespaces.call_in(place.name, send)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with namespace() as host, namespace(unique_name("w")) as workload:
        for each in (host, workload):  # the kernel sends nothing of its own then
            each.exec("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            each.exec("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        with open_vswitch(host) as ovs:
            made = Site(host, workload, ovs)
            make_devices(made)
            make_rows(made)
            yield made


def make_devices(site: Site) -> None:
    ip = site.host.ip
    for name, peer in (("w1", "eth0"), ("b1", "eth1")):
        ip("link", "add", name, "type", "veth", "peer", "name", peer, "netns", site.workload.name)
        ip("link", "set", name, "up", "alias", alias(FLEET, f"port:{name}"))
        site.workload.ip("link", "set", peer, "up")
    ip("link", "add", "under0", "type", "veth", "peer", "name", "u-under0")
    ip("address", "add", f"{VTEP}/24", "dev", "under0")
    ip("link", "set", "under0", "up")
    ip("link", "set", "u-under0", "up")
    vxlan = ("type", "vxlan", "dstport", "8472", "local", VTEP, "nolearning")
    for name, vni in (("kx5000", "5000"), ("kx6000", "6000"), ("vxlan_sys_4789", "7000")):
        ip("link", "add", name, *vxlan, "id", vni)
    site.host.exec(
        *("bridge", "fdb", "append", "00:00:00:00:00:00", "dev", "kx5000", "dst", "192.0.2.2")
    )
    ip("link", "set", "kx5000", "up", "alias", alias(FLEET, "segment:k"))
    ip("link", "set", "kx6000", "alias", alias("another fleet", "segment:x"))
    ip("link", "add", "br-v9", "type", "bridge")
    ip("link", "set", "br-v9", "up", "alias", alias(FLEET, "segment:linux"))
    ip("link", "set", "b1", "master", "br-v9")
    ip("link", "set", "u-under0", "master", "br-v9")
    ip("link", "add", "br-lan", "type", "bridge")
    ip("link", "set", "br-lan", "up", "alias", alias(FLEET, "bridge:lan"))
    ip("tuntap", "add", "tap0", "mode", "tap")
    ip("link", "set", "tap0", "master", "br-lan", "alias", alias(FLEET, "port:tap"))
    for name in ("card0", "card1"):
        ip("link", "add", name, "type", "veth", "peer", "name", f"{name}w")
        ip("link", "set", name, "master", "br-lan")


def make_rows(site: Site) -> None:
    vsctl = site.ovs.vsctl
    vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev")
    rows: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
        ("p1", FLEET, "port:p1", ("type=internal",)),
        ("w1", FLEET, "port:w1", ()),
        ("kx5000", FLEET, "segment:k", ()),
        ("t1", FLEET, "tunnel:s/h2", ("type=vxlan", "options:remote_ip=192.0.2.2")),
        ("t2", "another fleet", "tunnel:s/h2", ("type=vxlan", "options:remote_ip=192.0.2.3")),
    )
    for name, owner, resource, settings in rows:
        vsctl(
            *("add-port", "br0", name, "--", "set", "Interface", name, *settings),
            *(f'external_ids:ovsfleet-owner="{owner}"', f'external_ids:ovsfleet-id="{resource}"'),
        )


def test_each_subject_is_told_once_and_by_one_source(site: Site) -> None:
    assert sorted(site.switch()) == ["port:p1", "port:w1", "tunnel:s/h2"]
    assert sorted(site.kernel()) == [
        "device:u-under0",
        "device:under0",
        "device:vxlan_sys_4789",
        "port:b1",
        "port:card",
        "port:tap",
        "segment:k",
    ]


def test_the_kernel_is_asked_no_more_often_for_many_bridges_than_for_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    dump = wire.dump

    def counted(*request: Any, strict: bool) -> Iterator[bytes]:
        asked.append(request[1])
        return dump(*request, strict=strict)

    monkeypatch.setattr(wire, "dump", counted)
    site.kernel()
    usual = len(asked)
    for number in range(3):
        site.host.ip("link", "add", f"br-w{number}", "type", "bridge")
        site.host.ip("link", "set", f"br-w{number}", "alias", alias(FLEET, f"segment:{number}"))
    asked.clear()
    assert "port:b1" in site.kernel()
    assert len(asked) == usual


def test_a_tunnel_of_open_vswitch_counts_packets_and_bytes_and_nothing_else(site: Site) -> None:
    assert sorted(site.switch()["tunnel:s/h2"].counts) == [
        "rx_bytes",
        "rx_packets",
        "tx_bytes",
        "tx_packets",
    ]
    assert "tx_carrier_errors" in site.kernel()["segment:k"].counts


def test_counters_grow_by_what_was_sent(site: Site) -> None:
    bridged, switched = site.kernel()["port:b1"].counts, site.switch()["port:w1"].counts
    segment = site.kernel()["segment:k"].counts
    site.send(site.workload, "eth1")
    site.send(site.workload, "eth0")
    site.send(site.host, "kx5000")
    now = site.kernel()["port:b1"].counts
    assert now["rx_packets"] - bridged["rx_packets"] == FRAMES
    assert now["rx_bytes"] - bridged["rx_bytes"] == FRAMES * len(FRAME)
    assert site.kernel()["segment:k"].counts["tx_packets"] - segment["tx_packets"] >= FRAMES
    eventually(
        lambda: (
            site.switch()["port:w1"].counts["rx_bytes"] - switched["rx_bytes"]
            == FRAMES * len(FRAME)
        ),
        within=60,
        what=lambda: f"the port's count after {switched}: {site.switch()['port:w1'].counts}",
    )


def test_a_restart_of_ovs_vswitchd_ends_the_life_of_what_it_alone_counts(site: Site) -> None:
    before = site.switch()
    assert site.switch()["tunnel:s/h2"].epoch == before["tunnel:s/h2"].epoch
    site.ovs.stop_vswitchd(signal.SIGKILL)
    with pytest.raises(StatisticsUnavailableError, match="ovs-vswitchd is not running") as refused:
        site.switch()
    assert refused.value.source == "vswitchd"
    site.ovs.start_vswitchd()
    after = eventually(lambda: known(site), within=60, what="counters of the new ovs-vswitchd")
    assert after["tunnel:s/h2"].epoch != before["tunnel:s/h2"].epoch
    assert after["port:w1"].epoch == before["port:w1"].epoch
    assert after["port:w1"].counts["rx_bytes"] >= before["port:w1"].counts["rx_bytes"]


def known(site: Site) -> dict[str, Series]:
    try:
        return site.switch()
    except StatisticsUnavailableError:
        return {}


def port_counted_again(site: Site) -> Series:
    eventually(lambda: "port:w1" in known(site), within=60, what="counters of the port")
    return site.switch()["port:w1"]


def test_a_row_made_anew_keeps_the_life_of_its_device(site: Site) -> None:
    before = site.switch()["port:w1"].epoch
    site.ovs.vsctl(
        *("del-port", "w1", "--", "add-port", "br0", "w1", "--", "set", "Interface", "w1"),
        *(f"external_ids:ovsfleet-owner={FLEET}", 'external_ids:ovsfleet-id="port:w1"'),
    )
    assert port_counted_again(site).epoch == before


def test_a_restart_of_ovsdb_server_is_over_with_the_next_poll(site: Site) -> None:
    before = site.switch()["port:w1"].epoch
    site.ovs.stop_database()
    with pytest.raises(StatisticsUnavailableError) as refused:
        site.switch()
    assert refused.value.source == "ovsdb"
    site.ovs.start_database()
    assert port_counted_again(site).epoch == before


@pytest.mark.parametrize("daemon", ["vswitchd", "ovsdb"])
def test_a_daemon_that_hangs_costs_a_poll_no_more_than_its_deadline(
    site: Site, daemon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch_statistics, "POLL_DEADLINE_S", 0.3)
    freeze = site.ovs.freeze_vswitchd if daemon == "vswitchd" else site.ovs.freeze_database
    freeze(frozen=True)
    started = time.monotonic()
    try:
        with pytest.raises(StatisticsUnavailableError, match=r"no answer within 0\.3 s") as refused:
            site.switch()
    finally:
        freeze(frozen=False)
    assert refused.value.source == daemon
    assert time.monotonic() - started < 5
