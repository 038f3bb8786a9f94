"""Segments that the kernel carries: what is in their way, and what a host cannot do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import ErrorKind, Failure
from agent.fragments import SegmentFragment, SegmentMember
from agent.model import (
    BROADCAST_FDB,
    Backend,
    Bridge,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    VethPeer,
)
from agent.observed import FdbEntry, Link, ObservedState, OvsBridge, OvsInterface, OvsPort, Vxlan
from agent.planner import make_plan, still_owed
from agent.planner.neighbours import neighbours
from agent.planner.plan import AddFdb, AddPort, CreateVxlan, SetLink, Stage
from tests.support.hosts import DEVICES, FLEET, OVERLAY, OWN_HOST, bare_host
from tests.support.switch import Switch

MEMBERS = (
    SegmentMember(OWN_HOST, OWN_HOST, "192.0.2.1", ("02:00:00:00:00:01",)),
    SegmentMember("h1", "h1", "192.0.2.2", ("02:00:00:00:00:02",)),
)
FRAGMENT = SegmentFragment(b"s", "S", 10001, 8472, 1450, MEMBERS)
PORT = Port("port:a", "a", PortType.VETH, "br-v10001", peer=VethPeer("ns0", "e0"))
ON_LINUX = HostState(
    FLEET,
    1,
    1,
    b"any",
    OWN_HOST,
    OWN_HOST,
    ports=(PORT,),
    attachments=(SegmentAttachment("S", 0, b"s", Backend.KERNEL, "br-v10001"),),
    fragments={b"s": FRAGMENT},
)
ON_OVERLAY = replace(
    ON_LINUX,
    overlay=OVERLAY,
    ports=(replace(PORT, bridge=OVERLAY.name, tag=5),),
    attachments=(SegmentAttachment("S", 5, b"s", Backend.KERNEL),),
)
REMOVED = replace(ON_LINUX, ports=(), attachments=(), removed=frozenset({"segment:S", PORT.id}))


def without_ovs() -> ObservedState:
    nothing = frozenset[str]()
    return bare_host(
        has_ovs=False, vswitchd_running=False, datapath_types=nothing, iface_types=nothing
    )


def realized(desired: HostState, host: ObservedState | None = None) -> Switch:
    switch = Switch(host or bare_host())
    assert switch.run(make_plan(desired, switch.observed)) == ()
    assert make_plan(desired, switch.observed).describe() == ()
    return switch


def refusal(desired: HostState, host: ObservedState) -> Failure:
    """The one failure of the segment, for which nothing is done but for a Linux bridge."""
    plan = make_plan(desired, host)
    (failure,) = (each for each in plan.failures if each.resource == "segment:S")
    steps = [step for stage in plan.stages for step in stage.steps()]
    own = [step for step in steps if step.resource == "segment:S"]
    assert {getattr(step, "name", "") for step in own} <= {"br-v10001"}
    return failure


def tunnel_row(name: str, dst_port: str) -> OvsPort:
    options = {"remote_ip": "192.0.2.9", "key": "7", "dst_port": dst_port}
    return OvsPort(name, (OvsInterface(name, "vxlan", options),))


# --- what is in the way --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vxlan", "reason"),
    [
        (Vxlan(10001, "192.0.2.1", 8472), "VniTaken"),
        (Vxlan(0, "", 8472, collect_metadata=True), "UdpPortTaken"),
    ],
)
def test_a_foreign_vxlan_device_in_the_way_is_named_before_anything_is_touched(
    vxlan: Vxlan, reason: str
) -> None:
    theirs = Link("theirs", 1, "vxlan", vxlan=vxlan)
    failure = refusal(ON_LINUX, bare_host(links={"theirs": theirs}))
    assert (failure.kind, failure.reason) == (ErrorKind.CONFLICT, reason)
    assert "the vxlan device theirs" in failure.message


@pytest.mark.parametrize("obstacle", ["taken VNI", "taken UDP port", "no VTEP", "no module"])
def test_ports_on_a_linux_bridge_reach_each_other_whatever_is_in_the_way_of_its_device(
    obstacle: str,
) -> None:
    vnis = {"taken VNI": Vxlan(10001, "", 8472), "taken UDP port": Vxlan(0, "", 8472, False, True)}
    theirs = vnis.get(obstacle)
    links = {} if theirs is None else {"theirs": Link("theirs", 1, "vxlan", vxlan=theirs)}
    switch = Switch(bare_host(links=links))
    switch.refuses = lambda step: isinstance(step, CreateVxlan)
    members = (replace(MEMBERS[0], vtep="none"), MEMBERS[1])
    homeless = replace(ON_LINUX, fragments={b"s": replace(FRAGMENT, members=members)})
    plan = make_plan(homeless if obstacle == "no VTEP" else ON_LINUX, switch.observed)
    failures = (*plan.failures, *switch.run(plan))
    assert {failure.resource for failure in failures} == {"segment:S"}
    bridge, port = switch.kernel.links["br-v10001"], switch.kernel.links["a"]
    assert (bridge.up, port.up, port.master) == (True, True, "br-v10001")


@pytest.mark.parametrize("name", ["kx10001", "br-v10001"])
def test_a_device_in_which_the_host_takes_part_is_made_quiet_before_it_comes_up(name: str) -> None:
    switch = realized(ON_LINUX)
    device = switch.kernel.links[name]
    switch.kernel.links[name] = replace(device, quiet=False, up=False)
    (stage,) = make_plan(ON_LINUX, switch.observed).stages
    changes = [step for step in stage.steps() if isinstance(step, SetLink)]
    assert [(step.quiet, step.up) for step in changes] == [(True, None), (None, True)]
    switch.run(make_plan(ON_LINUX, switch.observed))
    assert switch.kernel.links[name] == device


def test_foreign_vxlan_devices_on_other_numbers_are_not_in_the_way() -> None:
    others = {
        "one": Link("one", 1, "vxlan", vxlan=Vxlan(10001, "192.0.2.1", 8473)),
        "two": Link("two", 2, "vxlan", vxlan=Vxlan(10002, "192.0.2.1", 8472)),
        "all": Link("all", 3, "vxlan", vxlan=Vxlan(0, "", 4789, collect_metadata=True)),
    }
    realized(ON_LINUX, bare_host(links=others))


def test_a_tunnel_of_open_vswitch_on_the_same_udp_port_is_named() -> None:
    row = OvsBridge("br-int", (tunnel_row("theirs", "8472"),), "netdev")
    failure = refusal(ON_LINUX, bare_host(bridges={"br-int": row}))
    assert failure.reason == "UdpPortTaken"
    assert "port theirs on bridge br-int" in failure.message


@pytest.mark.parametrize("vxlan", [Vxlan(7, "", 8472), Vxlan(0, "", 8472, collect_metadata=True)])
def test_a_tunnel_waits_for_a_udp_port_that_a_foreign_device_of_the_kernel_has(
    vxlan: Vxlan,
) -> None:
    by_ovs = replace(
        ON_OVERLAY, attachments=(SegmentAttachment("S", 5, b"s", Backend.OVS),), ports=()
    )
    theirs = Link("theirs", 1, "vxlan", vxlan=vxlan)
    plan = make_plan(by_ovs, bare_host(links={"theirs": theirs}))
    (failure,) = plan.failures
    assert (failure.resource, failure.reason) == ("tunnel:S/h1", "UdpPortTaken")


def test_two_backends_on_one_udp_port_are_refused_for_both() -> None:
    other = replace(FRAGMENT, hash=b"t", segment_uid="T", vni=10002)
    desired = replace(
        ON_OVERLAY,
        attachments=(*ON_OVERLAY.attachments, SegmentAttachment("T", 6, b"t", Backend.OVS)),
        fragments={b"s": FRAGMENT, b"t": other},
    )
    failures = {each.resource: each.reason for each in make_plan(desired, bare_host()).failures}
    assert failures == dict.fromkeys(("segment:S", "segment:T"), "UdpPortNotUnique")


@pytest.mark.parametrize("device", ["kx10001", "a"])
def test_a_device_that_somebody_enslaved_is_not_taken_back(device: str) -> None:
    switch = realized(ON_LINUX)
    switch.kernel.links["br9"] = Link("br9", 90, "bridge", up=True)
    enslaved = replace(switch.kernel.links[device], master="br9")
    switch.kernel.links[device] = enslaved
    plan = make_plan(ON_LINUX, switch.observed)
    assert {each.reason for each in plan.failures} <= {"DeviceEnslaved", "BridgeFailed"}
    assert "already belongs to bridge br9, which is not ours" in "".join(
        each.message for each in plan.failures
    )
    assert plan.is_empty


def test_a_linux_bridge_with_a_foreign_port_stays_until_that_is_gone() -> None:
    switch = realized(ON_LINUX)
    switch.kernel.links["vm1"] = Link("vm1", 91, "tun", master="br-v10001")
    plan = make_plan(REMOVED, switch.observed)
    (failure,) = plan.failures
    assert (failure.resource, failure.reason) == ("segment:S", "BridgeInUse")
    assert "vm1" in failure.message
    switch.run(plan)
    assert switch.kernel.links.keys() - DEVICES.keys() == {"br-v10001", "vm1"}
    assert still_owed(REMOVED.removed, switch.observed, FLEET) == {"segment:S"}
    switch.kernel.links["vm1"] = replace(switch.kernel.links["vm1"], master="")
    switch.run(make_plan(REMOVED, switch.observed))
    assert switch.kernel.links.keys() - DEVICES.keys() == {"vm1"}


def test_foreign_forwarding_entries_stay_and_foreign_floods_go() -> None:
    switch = realized(ON_LINUX)
    table = switch.kernel.forwarding[switch.kernel.links["kx10001"].ifindex]
    theirs = FdbEntry("02:00:00:00:00:99", "192.0.2.7")
    table |= {theirs: False, FdbEntry(BROADCAST_FDB, "192.0.2.7"): False}
    moved = replace(MEMBERS[1], vtep="192.0.2.3")
    desired = replace(ON_LINUX, fragments={b"s": replace(FRAGMENT, members=(MEMBERS[0], moved))})
    switch.run(make_plan(desired, switch.observed))
    assert set(table) == {
        theirs,
        FdbEntry(BROADCAST_FDB, "192.0.2.3"),
        FdbEntry("02:00:00:00:00:02", "192.0.2.3"),
    }


@pytest.mark.parametrize("desired", [ON_LINUX, ON_OVERLAY])
def test_a_foreign_entry_for_a_mac_keeps_nothing_else_from_being_mended(desired: HostState) -> None:
    switch = realized(desired)
    device = switch.kernel.links["kx10001"]
    ours = FdbEntry("02:00:00:00:00:02", "192.0.2.2")
    theirs = FdbEntry(ours.mac, "192.0.2.7")
    switch.kernel.forwarding[device.ifindex] = {theirs: False}
    switch.kernel.links["kx10001"] = replace(device, up=False, mtu=900, master="")
    (failure,) = switch.run(make_plan(desired, switch.observed))
    assert failure.resource == "segment:S"
    assert switch.kernel.links["kx10001"] == device
    assert set(switch.kernel.forwarding[device.ifindex]) == {
        theirs,
        FdbEntry(BROADCAST_FDB, "192.0.2.2"),
    }
    (stage,) = make_plan(desired, switch.observed).stages
    assert stage == Stage(post=(AddFdb("segment:S", "kx10001", (ours,), device.ifindex),))


# --- what a host cannot do -----------------------------------------------------------------------


def test_a_host_without_open_vswitch_carries_segments_on_linux_bridges() -> None:
    switch = realized(ON_LINUX, without_ovs())
    assert switch.transactions == 0


def test_what_needs_open_vswitch_is_unsupported_on_a_host_without_and_alone() -> None:
    other = replace(FRAGMENT, hash=b"t", segment_uid="T", vni=10002)
    desired = replace(
        ON_LINUX,
        overlay=OVERLAY,
        bridges=(Bridge("bridge:b", "br-a", DatapathType.SYSTEM),),
        attachments=(*ON_LINUX.attachments, SegmentAttachment("T", 6, b"t", Backend.KERNEL)),
        fragments={b"s": FRAGMENT, b"t": other},
    )
    switch = Switch(without_ovs())
    plan = make_plan(desired, switch.observed)
    assert {(each.resource, each.kind, each.reason) for each in plan.failures} == {
        (resource, ErrorKind.UNSUPPORTED, "NoOpenVswitch")
        for resource in ("overlay", "bridge:b", "segment:T")
    }
    switch.run(plan)
    assert switch.kernel.links["a"].master == "br-v10001"


def test_an_unknown_backend_is_unsupported_and_leaves_what_is_there() -> None:
    switch = realized(ON_OVERLAY)
    newer = SegmentAttachment("S", 5, b"s", Backend.UNKNOWN)
    failure = refusal(replace(ON_OVERLAY, attachments=(newer,)), switch.observed)
    assert (failure.kind, failure.reason) == (ErrorKind.UNSUPPORTED, "BackendUnknown")


@pytest.mark.parametrize(
    ("port", "reason"),
    [
        (replace(PORT, type=PortType.INTERNAL, peer=None), "InternalNeedsOvs"),
        (replace(PORT, tag=7), "TagNeedsOvs"),
    ],
)
def test_a_port_that_a_linux_bridge_cannot_have_is_invalid(port: Port, reason: str) -> None:
    (failure,) = make_plan(replace(ON_LINUX, ports=(port,)), bare_host()).failures
    assert (failure.resource, failure.kind, failure.reason) == (
        PORT.id,
        ErrorKind.INVALID,
        reason,
    )


# --- many members --------------------------------------------------------------------------------


def test_what_follows_from_a_fragment_is_worked_out_once_for_each_host() -> None:
    same = replace(FRAGMENT)
    assert neighbours(FRAGMENT, OWN_HOST) is neighbours(same, OWN_HOST)
    assert neighbours(FRAGMENT, "h1").local_ip == "192.0.2.2"


def test_a_fragment_is_known_by_its_content_and_not_by_its_hash_alone() -> None:
    other = replace(FRAGMENT, members=(replace(MEMBERS[0], vtep="192.0.2.9"), MEMBERS[1]))
    assert neighbours(FRAGMENT, OWN_HOST).local_ip == "192.0.2.1"
    assert neighbours(other, OWN_HOST).local_ip == "192.0.2.9"


# --- how it comes up -----------------------------------------------------------------------------


@pytest.mark.parametrize("desired", [ON_LINUX, ON_OVERLAY])
def test_a_device_comes_up_last_with_its_table_and_in_its_place(desired: HostState) -> None:
    (stage,) = make_plan(desired, bare_host()).stages
    steps = [step for step in stage.steps() if getattr(step, "name", "") == "kx10001"]
    assert [type(step) for step in steps[:2]] == [CreateVxlan, AddFdb]
    last = steps[-1]
    assert isinstance(last, SetLink)
    assert (last.up, last.master) == (True, None)


def test_a_device_that_is_another_now_is_made_anew_after_its_port_is_gone() -> None:
    switch = realized(ON_OVERLAY)
    before = switch.kernel.links["kx10001"]
    desired = replace(ON_OVERLAY, fragments={b"s": replace(FRAGMENT, dst_port=8473)})
    plan = make_plan(desired, switch.observed)
    assert len(plan.stages) == 2
    switch.run(plan)
    after = switch.kernel.links["kx10001"]
    assert make_plan(desired, switch.observed).describe() == ()
    assert not switch.dead_ports
    assert (after.mac, after.ifindex != before.ifindex) == (before.mac, True)


BY_OVS = replace(
    ON_OVERLAY,
    attachments=(SegmentAttachment("S", 5, b"s", Backend.OVS),),
    fragments={b"s": replace(FRAGMENT, dst_port=4789)},
)


@pytest.mark.parametrize("kind", [CreateVxlan, AddFdb])
def test_tunnels_stay_when_the_kernel_refuses_the_device_that_replaces_them(kind: type) -> None:
    switch = realized(BY_OVS)
    before = switch.bridges[OVERLAY.name]
    switch.refuses = lambda step: isinstance(step, kind)
    assert switch.run(make_plan(ON_OVERLAY, switch.observed))
    assert switch.bridges[OVERLAY.name] == before


def test_a_device_that_was_prepared_waits_for_the_tunnels_to_be_gone() -> None:
    switch = realized(BY_OVS)
    switch.run(make_plan(ON_OVERLAY, switch.observed), limit=2)
    assert not switch.kernel.links["kx10001"].up
    first, second = make_plan(ON_OVERLAY, switch.observed).stages
    assert (first.pre, first.post) == ((), ())
    assert [type(step) for step in second.ovsdb] == [AddPort]
    switch.run(make_plan(ON_OVERLAY, switch.observed))
    assert make_plan(ON_OVERLAY, switch.observed).describe() == ()


def test_tunnels_stay_while_the_device_that_replaces_them_cannot_be_made() -> None:
    switch = realized(BY_OVS)
    before = switch.bridges[OVERLAY.name]
    theirs = Link("theirs", 90, "vxlan", vxlan=Vxlan(10001, "", 8472))
    switch.kernel.links["theirs"] = theirs
    assert refusal(ON_OVERLAY, switch.observed).reason == "VniTaken"
    switch.run(make_plan(ON_OVERLAY, switch.observed))
    assert switch.bridges[OVERLAY.name] == before
    del switch.kernel.links["theirs"]
    switch.run(make_plan(ON_OVERLAY, switch.observed))
    names = [port.name for port in switch.bridges[OVERLAY.name].ports]
    assert sorted(names) == ["a", "br-fleet", "kx10001"]
