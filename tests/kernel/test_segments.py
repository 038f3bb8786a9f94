"""Segments of either backend on the kernel's own datapath, brought about by the agent's own loop.

A cell is one function. Each leaves every host as it is intended, because all share one lab.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import permutations

import pytest

from agent.netlink import statistics
from agent.netlink.netns import call_in
from agent.stats.subjects import Life, device_series
from tests.support.agent_backends import Host
from tests.support.agent_frames import BROADCAST
from tests.support.agent_streams import CONTENT, transfer
from tests.support.kernel_datapath import (
    BLUE,
    BLUE_DEVICE,
    RED,
    RED_DEVICE,
    KernelLab,
    listening,
    restart,
)
from tests.support.model_fleet import FLEET_UID

PACKETS = 20

of_each_backend = pytest.mark.parametrize("segment", [RED, BLUE])


def test_open_vswitch_forwards_in_the_kernel(lab: KernelLab) -> None:
    for host in lab.hosts[:2]:
        assert host.ovs is not None
        shown = host.ovs.appctl("dpif/show")
        assert shown.startswith("system@ovs-system:")
        assert "br-fleet" in shown
        devices = {each["ifname"]: each for each in host.netns.ip_json("link", "show")}
        assert devices[RED_DEVICE]["linkinfo"]["info_data"]["external"] is True
        assert devices[BLUE_DEVICE]["master"] == "ovs-system"


@of_each_backend
def test_every_workload_reaches_every_other(lab: KernelLab, segment: str) -> None:
    for one, other in permutations(lab.workloads(segment), 2):
        assert " 0% packet loss" in one.ping(other)


@of_each_backend
def test_a_broadcast_goes_to_every_remote_host_exactly_once(lab: KernelLab, segment: str) -> None:
    with listening(lab, segment) as ears:
        sent = {each: [f"{each.name}-{n}" for n in range(PACKETS)] for each in ears.workloads}
        for speaker, words in sent.items():
            ears.say(speaker, BROADCAST, words)
            for other in ears.workloads:
                if other != speaker:
                    assert ears.hear(other, words[-1:]) == words
        assert ears.on_the_wire() == Counter(
            (speaker.host.vtep, other.host.vtep, word)
            for speaker, other in permutations(ears.workloads, 2)
            for word in sent[speaker]
        )
        assert ears.silent()


@of_each_backend
def test_a_stream_of_tcp_passes_between_hosts_of_both_kinds(lab: KernelLab, segment: str) -> None:
    first, _, last = lab.workloads(segment)
    for server, client in permutations((first, last)):
        received = transfer(server.host.workload, server.address, client.host.workload)
        assert received == CONTENT


def test_offloads_that_the_kernels_datapath_lives_on_stay_on(lab: KernelLab) -> None:
    for host in lab.hosts:
        for segment in (RED, BLUE):
            features = host.workload.exec("ethtool", "--show-features", segment)
            assert "tx-checksumming: on" in features
        assert "generic-receive-offload: on" in host.netns.exec("ethtool", "-k", BLUE_DEVICE)


def test_an_idle_restart_writes_nothing(lab: KernelLab) -> None:
    for host in lab.hosts:
        recorded = host.ovs.transactions() if host.ovs is not None else 0
        assert restart(host) == (0, 0)
        assert recorded == (host.ovs.transactions() if host.ovs is not None else 0)


def test_what_flows_goes_on_flowing_while_ovs_vswitchd_is_dead(lab: KernelLab) -> None:
    host = lab.hosts[0]
    assert host.ovs is not None
    pairs = [lab.workloads(segment)[:2] for segment in (RED, BLUE)]
    for one, other in pairs:
        one.ping(other)
    host.ovs.stop_vswitchd()
    for one, other in pairs:
        assert " 0% packet loss" in one.ping(other)
    host.ovs.start_vswitchd()
    assert restart(host) == (0, 0)
    for one, other in pairs:
        assert " 0% packet loss" in one.ping(other)


def test_the_device_that_tunnels_share_counts_what_they_carry(lab: KernelLab) -> None:
    host = lab.hosts[0]
    before = counted(host)
    with listening(lab, RED) as ears:
        speaker, *others = ears.workloads
        words = [f"counted-{n}" for n in range(PACKETS)]
        ears.say(speaker, BROADCAST, words)
        for other in others:
            ears.hear(other, words[-1:])
    told, shown = counted(host), shown_by_ip(host)
    assert told["tx_packets"] - before["tx_packets"] >= PACKETS * len(others)
    assert told["rx_packets"] > before["rx_packets"]
    assert all(told[name] <= count for name, count in shown.items())


def counted(host: Host) -> Mapping[str, int]:
    """The counters of the shared device, as the agent reads them for its reports."""
    kernel = call_in(host.netns.name, lambda: statistics.take(str(FLEET_UID), (), lambda _: ()))
    life = Life("this boot", 0)
    series = {each.subject: each for each in device_series(str(FLEET_UID), life, kernel)}
    return series[f"device:{RED_DEVICE}"].counts


def shown_by_ip(host: Host) -> dict[str, int]:
    (link,) = host.netns.ip_json("-s", "link", "show", RED_DEVICE)
    both = link["stats64"]
    return {
        f"{way}_{name}": both[way][name] for way in ("rx", "tx") for name in ("packets", "bytes")
    }
