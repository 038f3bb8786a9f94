"""Segments of either backend on the kernel's own datapath, brought about by the agent's own loop.

A cell is one function. Each leaves every host as it is intended, because all share one lab.
"""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest

from tests.support.agent_frames import BROADCAST
from tests.support.kernel_datapath import (
    BLUE,
    BLUE_DEVICE,
    RED,
    RED_DEVICE,
    KernelLab,
    listening,
    restart,
)

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


def test_an_idle_restart_writes_nothing(lab: KernelLab) -> None:
    for host in lab.hosts:
        recorded = host.ovs.transactions() if host.ovs is not None else 0
        assert restart(host) == (0, 0)
        assert recorded == (host.ovs.transactions() if host.ovs is not None else 0)
