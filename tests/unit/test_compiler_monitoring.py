"""What hosts are told of policies, mirrors and exports, and what they are told to remove."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from controller.compiler import CompiledHost, compile_host
from controller.domain.definitions import (
    FlowProtocol,
    MirrorTunnelSpec,
    MirrorTunnelType,
    QosType,
    QueueSpec,
)
from controller.domain.intent import Kind, Manifest, PortType, Ref, VethPeerSpec
from controller.domain.settings import PatchSpec, PortSettings
from tests.support.model_fleet import ModelFleet, bridge, host, port, removal, segment
from tests.support.watchers import export, group, mirror, policy

PEER = VethPeerSpec("blue", "eth0")


def labelled(manifest: Manifest, **labels: str) -> Manifest:
    return replace(manifest, labels=labels)


@pytest.fixture
def fleet() -> ModelFleet:
    """h1 has a port on each of two segments, and two bridges joined by a patch; h2 has nothing."""
    fleet = ModelFleet()
    joined = PortSettings(patch=PatchSpec("wan", "to-lan"))
    fleet.apply(
        labelled(host("h1", "192.0.2.1", "2001:db8::1"), role="edge"),
        host("h2", "192.0.2.2"),
        segment("red"),
        segment("blue"),
        port("web", "h1", segment="red"),
        port("db", "h1", segment="blue"),
        labelled(bridge("lan", "h1", interface="br-lan"), tier="access"),
        bridge("wan", "h1", interface="br-wan"),
        port("joint", "h1", bridge="lan", interface="to-wan", type=PortType.PATCH, settings=joined),
        port("tap", "h1", bridge="wan"),
    )
    return fleet


def told(fleet: ModelFleet, name: str = "h1", *, confirmed: int = 0) -> CompiledHost:
    return compile_host(fleet.host_intent(name, confirmed=confirmed))


def fields(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return {name: value for name, value in found.items() if name != "id"}


def uid_of(fleet: ModelFleet, kind: Kind, name: str) -> str:
    return str(fleet.objects[Ref(kind, "default", name)].uid)


def test_a_port_with_a_policy_is_told_rows_of_its_own(fleet: ModelFleet) -> None:
    queues = (QueueSpec(2, dscp=0, priority=1), QueueSpec(0, min_rate_bps=20_000, burst_b=1500))
    fleet.apply(
        policy("slow", max_rate_bps=1_000_000, queues=queues),
        policy("lossy", type=QosType.NETEM, latency_us=10, loss_percent=1, limit=9),
        port("p1", "h1", bridge="lan", type=PortType.VETH, peer=PEER, qos_policy="slow"),
        port("p2", "h1", segment="red", type=PortType.TAP, qos_policy="lossy"),
    )
    by_name = {each.interface: each for each in told(fleet).part.ports}
    assert fields(by_name["p1"].qos) == {
        "type": "linux-htb",
        "other_config": {"max-rate": "1000000"},
        "queues": [
            {"other_config": {"min-rate": "20000", "burst": "1500"}},
            {"id": 2, "dscp": 0, "other_config": {"priority": "1"}},
        ],
    }
    assert fields(by_name["p2"].qos) == {
        "type": "linux-netem",
        "other_config": {"latency": "10", "loss": "1", "limit": "9"},
    }
    assert not by_name["web"].HasField("qos")


def test_a_mirror_is_told_by_devices_and_local_vlans(fleet: ModelFleet) -> None:
    vlans = fleet.host_intent("h1").local_vlans
    red = next(
        vlan for uid, vlan in vlans.items() if str(uid) == uid_of(fleet, Kind.SEGMENT, "red")
    )
    erspan = MirrorTunnelSpec(MirrorTunnelType.ERSPAN, "2001:db8::9", key=5)
    fleet.apply(
        mirror("of-red", "h1", select_segments=("red",), tunnel=erspan, snaplen=64),
        mirror("of-patch", "h1", bridge="wan", select_dst_ports=("joint",), output_port="tap"),
    )
    by_name = {each.name: fields(each) for each in told(fleet).part.mirrors}
    device = by_name["of-red"]["tunnel"].pop("interface")
    assert device.startswith("mr")
    assert len(device) == 13
    assert by_name == {
        "of-red": {
            "name": "of-red",
            "bridge": "br-fleet",
            "select_all": True,
            "select_vlans": [red],
            "snaplen": 64,
            "tunnel": {
                "type": "erspan",
                "options": {
                    "local_ip": "2001:db8::1",
                    "remote_ip": "2001:db8::9",
                    "key": "5",
                    "erspan_ver": "1",
                },
            },
        },
        "of-patch": {
            "name": "of-patch",
            "bridge": "br-wan",
            "select_dst_ports": ["to-lan"],
            "output_port": "tap",
        },
    }


def test_a_mirror_of_what_is_not_there_copies_nothing_rather_than_all(fleet: ModelFleet) -> None:
    tunnel = MirrorTunnelSpec(MirrorTunnelType.GRE, "198.51.100.1")
    fleet.apply(mirror("m", "h1", select_segments=("blue",), tunnel=tunnel))
    assert len(told(fleet).part.mirrors) == 1
    fleet.delete(removal(Kind.PORT, "db"))
    compiled = told(fleet, confirmed=fleet.revision - 1)
    assert not compiled.part.mirrors
    assert f"mirror:{uid_of(fleet, Kind.MIRROR, 'm')}" in compiled.removed


def test_an_export_is_told_for_the_bridges_that_its_selectors_match(fleet: ModelFleet) -> None:
    fleet.apply(
        group("edge", "role=edge"),
        export("s", host_group="edge", bridge_selector="tier", header_b=64, agent="eth0"),
        export("n", protocol=FlowProtocol.NETFLOW, add_id_to_interface=False, active_timeout_s=-1),
    )
    by_bridges = {tuple(e.bridges): e for e in told(fleet).part.flow_exports}
    assert set(by_bridges) == {("br-fleet", "br-lan"), ("br-fleet",)}
    both, overlay = by_bridges[("br-fleet", "br-lan")], by_bridges[("br-fleet",)]
    assert {c: fields(a)["atoms"] for c, a in both.settings.columns.items()} == {
        "targets": [{"text": "198.51.100.9:6343"}],
        "header": [{"integer": "64"}],
        "agent": [{"text": "eth0"}],
    }
    assert fields(overlay.settings.columns["add_id_to_interface"]) == {
        "atoms": [{"boolean": False}]
    }
    assert fields(overlay.settings.columns["active_timeout"]) == {"atoms": [{"integer": "-1"}]}
    assert not told(fleet, "h2").part.flow_exports


def test_a_host_that_an_export_reaches_no_more_is_told_to_remove_it(fleet: ModelFleet) -> None:
    fleet.apply(group("edge", "role=edge"), export("s", host_group="edge"))
    name = f"flow-export:{uid_of(fleet, Kind.FLOW_EXPORT, 's')}"
    confirmed = fleet.revision
    assert name not in told(fleet, confirmed=confirmed).removed
    fleet.apply(labelled(host("h1", "192.0.2.1", "2001:db8::1"), role="core"))
    assert name in told(fleet, confirmed=confirmed).removed
    fleet.delete(removal(Kind.FLOW_EXPORT, "s"))
    assert name in told(fleet, confirmed=confirmed).removed
