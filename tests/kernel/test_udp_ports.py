"""One UDP port has room for one backend: the kernel gives it to who comes first."""

from __future__ import annotations

import dataclasses
import subprocess

import pytest

from agent.model import Backend, HostState
from controller.domain.intent import Kind
from tests.support.kernel_datapath import BLUE, RED, RED_DEVICE, KernelLab
from tests.support.model_fleet import manifest, removal
from tests.support.netns import Namespace
from tests.support.waiting import eventually

DEADLINE_S = 60.0

of_either_kind = pytest.mark.parametrize(
    "device", [("id", "9"), ("external",)], ids=["of one VNI", "of any VNI"]
)


def test_the_kernel_refuses_a_vxlan_device_on_the_port_of_open_vswitchs_tunnels(
    lab: KernelLab,
) -> None:
    netns = lab.hosts[0].netns
    netns.ip("link", "add", "theirs", "type", "vxlan", "id", "9", "dstport", "4789")
    assert "Address already in use" in refused(netns, "link", "set", "theirs", "up")
    netns.ip("link", "delete", "theirs")


@of_either_kind
def test_the_kernel_refuses_open_vswitch_a_tunnel_on_the_port_of_a_strangers_device(
    lab: KernelLab, device: tuple[str, ...]
) -> None:
    host = lab.hosts[0]
    assert host.ovs is not None
    host.netns.ip("link", "add", "theirs", "up", "type", "vxlan", *device, "dstport", "4790")
    options = ("type=vxlan", "options:remote_ip=192.0.2.2", "options:dst_port=4790")
    host.ovs.vsctl("add-port", "br-fleet", "t", "--", "set", "Interface", "t", *options)
    assert "Address already in use" in host.ovs.vsctl("get", "Interface", "t", "error")
    host.ovs.vsctl("del-port", "t")
    host.netns.ip("link", "delete", "theirs")


def test_both_backends_on_one_port_are_a_conflict_that_costs_what_there_is_nothing(
    lab: KernelLab,
) -> None:
    host = lab.hosts[0]
    intended = lab.state(host)
    (blue,) = (each for each in intended.attachments if each.backend is Backend.KERNEL)
    refusals = lab.refusals(host, on_port(intended, blue.fragment_hash, 4789))
    segments = {f"segment:{each.segment_uid}" for each in intended.attachments}
    assert refusals == dict.fromkeys(segments, "UdpPortNotUnique")
    for segment in (RED, BLUE):
        one, other, _ = lab.workloads(segment)
        assert " 0% packet loss" in one.ping(other)
    lab.realize(host)


@of_either_kind
def test_tunnels_on_the_port_of_a_strangers_device_wait_until_it_is_gone(
    lab: KernelLab, device: tuple[str, ...]
) -> None:
    host = lab.hosts[1]
    (workload,) = (found for found, _ in lab.fleet.ports() if found.name == "red2")
    lab.fleet.delete(removal(Kind.PORT, workload.name))
    lab.realize(host)
    eventually(
        lambda: RED_DEVICE not in {each["ifname"] for each in host.netns.ip_json("link", "show")},
        within=DEADLINE_S,
        what="Open vSwitch has given the port back",
    )
    host.netns.ip("link", "add", "theirs", "up", "type", "vxlan", *device, "dstport", "4789")
    lab.fleet.apply(manifest(Kind.PORT, workload.name, workload.spec))
    refusals = lab.refusals(host, lab.state(host))
    assert set(refusals.values()) == {"UdpPortTaken"}
    host.netns.ip("link", "delete", "theirs")
    lab.realize(host)
    one, other, _ = lab.workloads(RED)
    assert " 0% packet loss" in one.ping(other)


def on_port(state: HostState, fragment: bytes, dst_port: int) -> HostState:
    """The state with one segment on another UDP port, which no controller would send."""
    changed = dataclasses.replace(state.fragments[fragment], dst_port=dst_port)
    fragments = {**state.fragments, fragment: changed}
    return dataclasses.replace(state, hash=b"another", fragments=fragments)


def refused(netns: Namespace, *arguments: str) -> str:
    command = ("ip", "-n", netns.name, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr
