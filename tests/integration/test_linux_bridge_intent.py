"""Linux bridges, from intent through rules and compiler into this kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from agent.controlplane.codec import decode_host_state
from agent.model import HostState, VethPeer
from controller.api.conversion import to_manifest
from controller.api.routes.kinds import COLLECTIONS
from controller.api.yaml_documents import read_documents
from controller.compiler import compile_host, host_state
from controller.domain.intent import BridgeType, Manifest, PortType
from controller.domain.linux_bridge import BridgePortSettings, LinuxBridgeSettings, McastRouter
from tests.support.bridge_manifests import at, linux
from tests.support.bridge_site import bridge_site
from tests.support.model_fleet import ModelFleet, host
from tests.support.netns import Namespace

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "docs/examples/linux-bridge.yaml"
_SHAPES = {of.kind: of.manifest for of in COLLECTIONS}
EVERY: dict[str, Any] = {
    "stp_state": True,
    "forward_delay_s": 30,
    "hello_time_s": 1,
    "max_age_s": 40,
    "ageing_time_s": 1_000_000,
    "priority": 65_535,
    "mcast_snooping": True,
    "mcast_querier": True,
    "mcast_router": McastRouter.PERMANENT,
    "mcast_query_use_ifaddr": True,
    "mcast_hash_max": 512,
    "mcast_last_member_count": 7,
    "mcast_startup_query_count": 5,
    "mcast_last_member_interval_s": 3,
    "mcast_membership_interval_s": 86_400,
    "mcast_querier_interval_s": 86_399,
    "mcast_query_interval_s": 86_400,
    "mcast_query_response_interval_s": 7,
    "mcast_startup_query_interval_s": 1,
    "mcast_stats_enabled": True,
    "mcast_igmp_version": 3,
    "mcast_mld_version": 2,
    "nf_call_iptables": True,
    "nf_call_ip6tables": True,
    "nf_call_arptables": True,
    "group_fwd_mask": 0xFFF8,
    "group_addr": "01:80:c2:00:00:0f",
}
names = {each.name for each in fields(LinuxBridgeSettings)}
FLAGS: dict[str, Any] = {each.name: True for each in fields(BridgePortSettings)} | {
    "state": None,
    "cost": 65_535,
    "priority": 63,
    "group_fwd_mask": 0xFFFD,
    "mcast_router": McastRouter.DISABLED,
}


def manifests() -> Iterator[Manifest]:
    for value in read_documents(EXAMPLE.read_text()).values:
        shape: Any = _SHAPES[value["kind"]].model_validate(value)
        yield to_manifest(shape)


def told_by(fleet: ModelFleet) -> HostState:
    intent = fleet.host_intent("h1")
    return decode_host_state(host_state(compile_host(intent), intent, ()), {})


def test_a_host_without_open_vswitch_is_as_the_example_says(
    netns: Namespace, tmp_path: Path
) -> None:
    fleet = ModelFleet()
    fleet.apply(host("h1", "192.0.2.1", overlay_bridge_type=BridgeType.LINUX), *manifests())
    told = told_by(fleet)
    with bridge_site(netns, tmp_path) as site:
        workload = site.host.workload.name
        ports = tuple(
            replace(port, peer=VethPeer(workload, port.interface)) if port.peer else port
            for port in told.ports
        )
        site.realize(*ports, bridges=told.bridges)
        bridge = site.bridge("br-guests")
        assert (bridge["stp_state"], bridge["forward_delay"], bridge["max_age"]) == (1, 400, 600)
        assert (bridge["ageing_time"], bridge["mcast_snooping"]) == (30_000, 0)
        assert int(bridge["group_fwd_mask"], 0) == 0x4008
        guest, tap = site.port("guest-a"), site.port("appliance")
        assert (guest["master"], guest["isolated"], guest["guard"]) == ("br-guests", True, True)
        assert (tap["cost"], tap["multicast_router"]) == (100, 0)
        assert site.restart() == (0, 0)


def test_the_kernel_keeps_every_setting_as_it_was_told(netns: Namespace, tmp_path: Path) -> None:
    """All but those of VLANs, which not every kernel has."""
    assert EVERY.keys() == {name for name in names if not name.startswith("vlan_")}
    fleet = ModelFleet()
    tap = {"type": PortType.TAP, "interface": "tap1"}
    fleet.apply(
        host("h1", "192.0.2.1"),
        linux("lan", **EVERY),
        at("lan", spec=tap, bridge_port=BridgePortSettings(**FLAGS)),
    )
    told = told_by(fleet)
    with bridge_site(netns, tmp_path) as site:
        site.realize(*told.ports, bridges=told.bridges)
        assert site.restart() == (0, 0)
        assert site.bridge("lan")["group_addr"] == "01:80:c2:00:00:0f"
        assert site.bridge("lan")["mcast_query_intvl"] == 8_640_000
        assert site.port("tap1")["cost"] == 65_535
