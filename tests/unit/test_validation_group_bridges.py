"""Bridges of host groups: where they may be, and what keeps them from a host or on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.domain.intent import (
    BridgeSpec,
    BridgeType,
    Kind,
    Manifest,
    PortType,
    TunnelEnd,
)
from controller.domain.settings import BridgeSettings, BridgeStp, PatchSpec, PortSettings, PortStp
from tests.support.model_fleet import ModelFleet, bridge, host, manifest, port, tunnel
from tests.support.refusals import faults, refusal, refused
from tests.support.watchers import group, mirror

AT = "/objects/0/spec"


def labelled(name: str, role: str, **fields: Any) -> Manifest:
    number = name.removeprefix("h")
    return replace(host(name, f"192.0.2.{number}", **fields), labels={"role": role})


def spread(name: str, of: str | None = "edge", **fields: Any) -> Manifest:
    return manifest(Kind.BRIDGE, name, replace(BridgeSpec(None, name, host_group=of), **fields))


@pytest.fixture
def fleet() -> ModelFleet:
    found = ModelFleet()
    hosts = [labelled(f"h{n}", "core" if n == 3 else "edge") for n in (1, 2, 3)]
    found.apply(*hosts, group("edge", "role=edge"), spread("lan"), spread("wan"))
    return found


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"of": None}, ("host", "host_missing")),
        ({"host": "h1"}, ("host_group", "host_twice")),
        ({"of": "none"}, ("host_group", "unknown_hostgroup")),
        (
            {"settings": BridgeSettings(hwaddr="02:00:00:00:00:01")},
            ("hwaddr", "setting_of_one_host"),
        ),
        (
            {"settings": BridgeSettings(datapath_id="0000000000000001")},
            ("datapath_id", "setting_of_one_host"),
        ),
    ],
)
def test_a_bridge_is_on_one_host_or_those_of_one_group(
    fleet: ModelFleet, spec: dict[str, Any], expected: tuple[str, str]
) -> None:
    where, code = expected
    assert refused(fleet, spread("new", **spec)) == [(f"{AT}/{where}", code)]


def test_a_group_with_no_host_is_told_of(fleet: ModelFleet) -> None:
    planned = fleet.apply(group("none", "role=none"), spread("new", "none"))
    assert [(w.pointer, w.code) for w in planned.warnings] == [
        ("/objects/1/spec/host_group", "host_group_empty")
    ]


def test_a_host_without_open_vswitch_is_in_no_group_of_its_bridges(fleet: ModelFleet) -> None:
    without = labelled("h4", "edge", overlay_bridge_type=BridgeType.LINUX)
    assert refused(fleet, without) == [
        ("/objects/0/metadata/labels", "host_without_ovs"),
        ("/objects/0/metadata/labels", "host_without_ovs"),
    ]
    becomes = labelled("h1", "edge", overlay_bridge_type=BridgeType.LINUX)
    assert {code for _, code in refused(fleet, becomes)} == {"host_without_ovs"}
    fleet.apply(replace(without, labels={"role": "linux"}), group("linux", "role=linux"))
    fleet.apply(spread("guests", "linux", type=BridgeType.LINUX))
    assert refused(fleet, spread("new", "linux")) == [(f"{AT}/host_group", "host_without_ovs")]


def test_a_group_takes_no_management_interface(fleet: ModelFleet) -> None:
    fleet.apply(labelled("h2", "edge", management_interface="eth0.7"))
    error = refusal(lambda: fleet.apply(spread("new", interface="eth0")))
    assert faults(error) == [(f"{AT}/host_group", "management_interface_taken")]
    assert "host 'h2'" in error.detail
    taking = labelled("h1", "edge", management_interface="lan")
    assert (f"{AT}/management_interface", "management_interface_taken") in refused(fleet, taking)


def test_many_hosts_are_counted_and_not_all_named(fleet: ModelFleet) -> None:
    many = [labelled(f"h{n}", "edge") for n in range(10, 25)]
    fleet.apply(*many, *(port(f"p{n}", f"h{n}", bridge="lan") for n in range(10, 25)))
    error = refusal(lambda: fleet.apply(group("edge", "role=nobody")))
    assert faults(error) == [(f"{AT}/selector", "bridge_in_use_leaves_host")]
    assert "'h10', 'h11'" in error.detail
    assert "and 5 more" in error.detail


def patch(name: str, on: str, near: str, far: str) -> Manifest:
    settings = PortSettings(patch=PatchSpec(far, f"{name}-far"))
    return port(name, on, type=PortType.PATCH, bridge=near, settings=settings)


def test_a_bridge_is_another_one_on_each_host_to_what_is_flooded(fleet: ModelFleet) -> None:
    fleet.apply(patch("a", "h1", "lan", "wan"), patch("b", "h2", "lan", "wan"))
    fleet.apply(tunnel("t", TunnelEnd("h1", "lan"), TunnelEnd("h2", "lan")))
    closing = tunnel("u", TunnelEnd("h1", "wan"), TunnelEnd("h2", "wan"))
    error = refusal(lambda: fleet.apply(closing))
    assert faults(error) == [(f"{AT}/ends", "flooding_loop")]
    assert "Bridge 'lan' on host 'h2'" in error.detail


def test_the_ports_of_a_spanning_tree_are_those_of_one_host(fleet: ModelFleet) -> None:
    running = spread("lan", settings=BridgeSettings(stp=BridgeStp(enabled=True)))
    fleet.apply(running)
    ports = [numbered(f"p{n}", f"h{n}", 1) for n in (1, 2)]
    fleet.apply(*ports)
    assert refused(fleet, numbered("q", "h2", 1)) == [
        (f"{AT}/stp/port_number", "stp_port_number_taken")
    ]
    fleet.apply(spread("lan"))
    fleet.apply(numbered("q", "h2", 1))
    assert refused(fleet, running) == [(f"{AT}/stp/enabled", "stp_port_number_taken")]


def numbered(name: str, on: str, number: int) -> Manifest:
    settings = PortSettings(stp=PortStp(port_number=number))
    return port(name, on, type=PortType.SYSTEM, bridge="lan", settings=settings)


@pytest.mark.parametrize(
    ("user", "where"),
    [
        (port("p", "h3", bridge="lan"), "bridge"),
        (patch("p", "h3", "own", "lan"), "patch/bridge"),
        (mirror("m", "h3", bridge="lan", select_all=True, output_vlan=7), "bridge"),
        (tunnel("t", TunnelEnd("h3", "lan"), TunnelEnd("h1", "wan")), "ends/0/bridge"),
    ],
)
def test_who_is_at_a_bridge_is_on_a_host_of_its_group(
    fleet: ModelFleet, user: Manifest, where: str
) -> None:
    fleet.apply(bridge("own", "h3"))
    assert refused(fleet, user) == [(f"{AT}/{where}", "bridge_on_other_host")]
