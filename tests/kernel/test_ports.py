"""Ports, bridges and explicit tunnels whose devices the kernel's own datapath makes."""

from __future__ import annotations

from controller.domain.intent import Kind, TunnelEnd
from tests.support.kernel_datapath import RED, KernelLab
from tests.support.model_fleet import bridge, port, removal, tunnel
from tests.support.waiting import eventually

DEADLINE_S = 60.0


def test_an_internal_port_is_a_device_of_the_kernels_with_all_that_is_intended(
    lab: KernelLab,
) -> None:
    host, (_, neighbour, _) = lab.hosts[0], lab.workloads(RED)
    dress = {"mac": "0a:02:00:00:00:01", "mtu": 1400, "addresses": ("198.51.100.101/24",)}
    lab.fleet.apply(port("inner", "h1", segment=RED, **dress))
    lab.realize(host)
    (device,) = host.netns.ip_json("address", "show", "dev", "inner")
    assert device["linkinfo"]["info_kind"] == "openvswitch"
    assert (device["address"], device["mtu"]) == ("0a:02:00:00:00:01", 1400)
    assert "198.51.100.101" in [each["local"] for each in device["addr_info"]]
    host.netns.exec("ping", "-n", "-q", "-c", "2", "-i", "0.2", "-I", "inner", neighbour.address)

    lab.fleet.delete(removal(Kind.PORT, "inner"))
    lab.realize(host)
    eventually(
        lambda: "inner" not in {each["ifname"] for each in host.netns.ip_json("link", "show")},
        within=DEADLINE_S,
        what="the device is gone",
    )


def test_an_explicit_tunnel_joins_two_bridges_in_the_kernel(lab: KernelLab) -> None:
    one, other = lab.hosts[:2]
    ends = (TunnelEnd("h1", "lan1", tag=7), TunnelEnd("h2", "lan2", tag=7))
    lab.fleet.apply(
        bridge("lan1", "h1"),
        bridge("lan2", "h2"),
        port("in1", "h1", bridge="lan1", tag=7, mtu=1400, addresses=("203.0.113.129/26",)),
        port("in2", "h2", bridge="lan2", tag=7, mtu=1400, addresses=("203.0.113.130/26",)),
        tunnel("line", *ends, key=9000),
    )
    for host in (one, other):
        lab.realize(host)
    one.netns.exec("ping", "-n", "-q", "-c", "2", "-i", "0.2", "-I", "in1", "203.0.113.130")

    lab.fleet.delete(
        removal(Kind.TUNNEL, "line"),
        *(removal(Kind.PORT, name) for name in ("in1", "in2")),
        *(removal(Kind.BRIDGE, name) for name in ("lan1", "lan2")),
    )
    for host in (one, other):
        lab.realize(host)
        assert host.ovs is not None
        assert host.ovs.vsctl("list-br") == "br-fleet"
