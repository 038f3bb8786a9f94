"""What is in the way is named with its owner, and so is the way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import ErrorKind
from agent.fragments import SegmentFragment, SegmentMember
from agent.model import (
    ID_KEY,
    OWNER_KEY,
    Backend,
    Bridge,
    BridgeType,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    Tunnel,
)
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, OvsPort, Vxlan
from agent.planner import make_plan
from tests.support.agent_loop import Host, state
from tests.support.hosts import FLEET, OTHER_FLEET, OVERLAY, OWN_HOST, bare_host
from tests.support.switch import Switch

NOVA = {"iface-id": "vif-1", "vm-id": "vm-1"}
OTHERS = {OWNER_KEY: OTHER_FLEET, ID_KEY: "port:x"}
MEMBERS = (SegmentMember(OWN_HOST, OWN_HOST, "192.0.2.1"), SegmentMember("h1", "h1", "192.0.2.2"))
LINUX = Bridge("bridge:l", "br-l", DatapathType.UNKNOWN, type=BridgeType.LINUX)


def wish(*ports: Port, **differences: object) -> HostState:
    plain = HostState(FLEET, 1, 1, b"any", OWN_HOST, OWN_HOST, overlay=OVERLAY, ports=ports)
    return replace(plain, **differences)  # type: ignore[arg-type]


def segment(backend: Backend) -> dict[str, object]:
    fragment = SegmentFragment(b"f", "S", 10001, 4789, 1450, MEMBERS)
    return {
        "attachments": (SegmentAttachment("S", 11, b"f", backend),),
        "fragments": {b"f": fragment},
    }


def bridge(name: str, *ports: OvsPort, ids: Mapping[str, str] | None = None) -> OvsBridge:
    local = OvsPort(name, (OvsInterface(name, "internal"),))
    return OvsBridge(name, (local, *ports), "netdev", external_ids=ids or {})


def port(name: str, ids: Mapping[str, str] | None = None, **columns: object) -> OvsPort:
    tag = columns.pop("tag", None)
    interface = OvsInterface(name, external_ids=ids or {}, **columns)  # type: ignore[arg-type]
    return OvsPort(name, (interface,), tag=tag)  # type: ignore[arg-type]


def host(*bridges: OvsBridge, links: tuple[Link, ...] = ()) -> ObservedState:
    known = bare_host()
    named = {each.name: each for each in links}
    rows = {each.name: each for each in bridges}
    return Switch(replace(known, bridges=rows, links={**known.links, **named})).observed


P0 = Port("port:0", "p0", PortType.INTERNAL, OVERLAY.name)
CARD = Port("port:c", "eth1", PortType.SYSTEM, OVERLAY.name)
BONDED = replace(bare_host().links["eth1"], master="bond9")
BOND = Link("bond9", 99, "bond", alias="uplinks of rack 4")
VXLAN = Vxlan(10001, dst_port=4789)
SHARED = Vxlan(0, dst_port=4789, collect_metadata=True)
CORE = Bridge("bridge:core", "br-core", DatapathType.NETDEV)
TUNNEL = Tunnel("tunnel:t", CORE.name, "192.0.2.1", "192.0.2.2", 7, 4789)
SAME = {"remote_ip": "192.0.2.2", "local_ip": "192.0.2.1", "key": "7"}
MINE = {OWNER_KEY: FLEET, ID_KEY: "overlay"}

CASES: dict[str, tuple[HostState, ObservedState, str, str, str]] = {
    "a name, by a hypervisor": (
        wish(P0),
        host(bridge("br-int", port("p0", NOVA))),
        "AlreadyTaken",
        "port p0 on bridge br-int, which is not ours (external_ids iface-id=vif-1, vm-id=vm-1)",
        "choose another in intent",
    ),
    "a name on our own bridge": (
        wish(P0),
        host(bridge("br-fleet", port("p0", NOVA), ids=MINE)),
        "AlreadyTaken",
        "external_ids iface-id=vif-1",
        "`ovsfleet adopt port",
    ),
    "a name, by another fleet": (
        wish(P0),
        host(bridge("br-int", port("p0", OTHERS))),
        "AlreadyTaken",
        f"belongs to fleet {OTHER_FLEET}",
        "remove or rename that, or choose another in intent",
    ),
    "the name of a bridge of Open vSwitch": (
        wish(bridges=(Bridge("bridge:a", "br-a", DatapathType.NETDEV),)),
        host(bridge("br-a", ids={"ovn-bridge": "yes"})),
        "AlreadyTaken",
        "bridge br-a, which is not ours (external_ids ovn-bridge=yes)",
        "`ovsfleet adopt bridge",
    ),
    "the name of a Linux bridge": (
        wish(bridges=(LINUX,)),
        host(links=(Link("br-l", 90, "bridge", alias="guests"),)),
        "AlreadyTaken",
        "the bridge device br-l, which is not ours (alias 'guests')",
        "`ovsfleet adopt bridge",
    ),
    "a receiver of frames": (
        wish(CARD),
        host(links=(BONDED, BOND)),
        "DeviceEnslaved",
        "bond bond9, which is not ours (alias 'uplinks of rack 4')",
        "ip link set eth1 nomaster",
    ),
    "a UDP port": (
        wish(**segment(Backend.OVS)),
        host(
            links=(Link("vx", 90, "vxlan", vxlan=Vxlan(0, dst_port=4789, collect_metadata=True)),)
        ),
        "UdpPortTaken",
        "the vxlan device vx, which is not ours",
        "remove or rename that",
    ),
    "a VNI": (
        wish(**segment(Backend.KERNEL)),
        host(links=(Link("vx", 90, "vxlan", alias="calico", vxlan=VXLAN),)),
        "VniTaken",
        "the vxlan device vx, which is not ours (alias 'calico')",
        "choose another in intent",
    ),
    "a tunnel's identity": (
        wish(bridges=(CORE,), tunnels=(TUNNEL,)),
        host(bridge("br-x", port("gre9", {"ovn-chassis-id": "c1"}, type="vxlan", options=SAME))),
        "AlreadyTaken",
        "port gre9 on bridge br-x, which is not ours (external_ids ovn-chassis-id=c1)",
        "choose another in intent",
    ),
    "a VLAN": (
        wish(**segment(Backend.OVS)),
        host(bridge("br-fleet", port("vm1", NOVA, tag=11), ids=MINE)),
        "LocalVlanTaken",
        "port vm1, which is not ours (external_ids iface-id=vif-1, vm-id=vm-1)",
        "give it another tag",
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_a_conflict_names_what_is_in_the_way_and_its_owner_and_the_way_out(what: str) -> None:
    desired, observed, reason, owner, way_out = CASES[what]
    (found,) = {f for f in make_plan(desired, observed).failures if f.reason == reason}
    assert found.kind is ErrorKind.CONFLICT
    assert owner in found.message
    assert way_out in found.message


def test_a_vxlan_device_in_another_namespace_is_in_nobodys_way() -> None:
    inside = Link("vx", 90, "vxlan", vxlan=VXLAN)
    observed = replace(host(), peers={("ns0", "vx"): inside})
    assert make_plan(wish(**segment(Backend.KERNEL)), observed).failures == ()


async def test_a_foreign_tunnel_of_the_same_identity_is_one_failure_and_not_tried_again(
    tmp_path: Path,
) -> None:
    site = Host(tmp_path)
    site.switch.bridges["br-x"] = bridge("br-x", port("theirs", type="vxlan", options=SAME))
    site.switch.reconfigure()
    delay = await site.realize(state(bridges=(CORE,), tunnels=(TUNNEL,)))
    assert site.reasons() == {"tunnel:t": "AlreadyTaken"}
    before, attempts = site.writes, site.ovsdb.attempts
    for _ in range(20):
        delay = await site.turn_at(delay)
    assert (site.writes, site.ovsdb.attempts) == (before, attempts)
    assert site.reasons() == {"tunnel:t": "AlreadyTaken"}


async def test_what_open_vswitch_says_exists_is_not_written_again(tmp_path: Path) -> None:
    """Somebody makes the same tunnel at the very moment that ours is written."""
    site = Host(tmp_path)
    site.switch.bridges["br-x"] = bridge("br-x")

    def rival() -> None:
        theirs = port("theirs", type="vxlan", options=SAME)
        site.switch.bridges["br-x"] = bridge("br-x", theirs)
        site.switch.reconfigure()

    site.ovsdb.before_apply = rival
    delay = await site.realize(state(bridges=(CORE,), tunnels=(TUNNEL,)))
    assert site.reasons() == {"tunnel:t": "InterfaceError"}
    assert "same remote" in site.reports[-1].failures[0].message
    before, attempts = site.writes, site.ovsdb.attempts
    for _ in range(20):
        delay = await site.turn_at(delay)
    assert (site.writes, site.ovsdb.attempts) == (before, attempts)
