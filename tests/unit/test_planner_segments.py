"""Segments with options, links and ends outside of the fleet, on Open vSwitch and in the kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import ErrorKind
from agent.fragments import (
    ArpMode,
    Neighbour,
    SegmentFragment,
    SegmentLink,
    SegmentMember,
    Topology,
    TunnelOptions,
)
from agent.model import Backend, DatapathType, HostState, Port, PortType, SegmentAttachment
from agent.observed import FdbEntry, OvsInterface, OvsPort
from agent.planner import make_plan, owed_releases
from agent.planner.plan import AddPort, CreateVxlan, DeletePort, SetInterface, SetPort, SetVxlan
from tests.support.hosts import FLEET, OVERLAY, OWN_HOST, bare_host
from tests.support.switch import Switch

MEMBERS = tuple(
    SegmentMember(f"h{n}", f"h{n}", f"192.0.2.{n + 1}", (f"02:00:00:00:00:0{n}",)) for n in range(3)
)
FRAGMENT = SegmentFragment(b"f", "S", 10001, 4789, 1450, MEMBERS)
OPTIONS = TunnelOptions(ttl="64", csum=True, bfd={"enable": "true"})


def wanted(fragment: SegmentFragment, backend: Backend = Backend.OVS) -> HostState:
    return HostState(
        FLEET,
        1,
        1,
        b"any",
        OWN_HOST,
        OWN_HOST,
        overlay=OVERLAY,
        attachments=(SegmentAttachment("S", 11, fragment.hash, backend),),
        fragments={fragment.hash: fragment},
    )


def of(**changes: object) -> SegmentFragment:
    """Another content has another hash."""
    return replace(FRAGMENT, hash=repr(changes).encode(), **changes)  # type: ignore[arg-type]


def realized(desired: HostState) -> Switch:
    switch = Switch(bare_host())
    assert switch.run(make_plan(desired, switch.observed)) == ()
    assert make_plan(desired, switch.observed).describe() == ()
    return switch


def rows(switch: Switch) -> dict[str, OvsPort]:
    """By what tells the other end."""
    ports = (port for port in switch.bridges["br-fleet"].ports if port.name != "br-fleet")
    return {port.external_ids["ovsfleet-id"].partition("/")[2]: port for port in ports}


def moved(uid: str) -> SegmentFragment:
    """A host of the segment has another VTEP."""
    members = (
        replace(each, vtep="198.51.100.7") if each.host_uid == uid else each for each in MEMBERS
    )
    return of(members=tuple(members))


@pytest.mark.parametrize("uid", [OWN_HOST, "h1"])
def test_a_tunnel_is_there_with_the_new_address_before_the_old_one_goes(uid: str) -> None:
    switch = realized(wanted(FRAGMENT))
    first, second = make_plan(wanted(moved(uid)), switch.observed).stages
    assert {type(op) for op in first.ovsdb} == {AddPort}
    assert {type(op) for op in second.ovsdb} == {DeletePort}
    assert len(first.ovsdb) == len(second.ovsdb) == (2 if uid == OWN_HOST else 1)


@pytest.mark.parametrize("uid", [OWN_HOST, "h1"])
def test_a_tunnel_without_split_horizon_is_never_there_twice(uid: str) -> None:
    links = (SegmentLink("h0", "h1"), SegmentLink("h0", "h2"))
    before = replace(FRAGMENT, topology=Topology.LINKS, links=links)
    after = replace(moved(uid), topology=Topology.LINKS, links=links)
    switch = realized(wanted(before))
    (stage,) = make_plan(wanted(after), switch.observed).stages
    assert isinstance(stage.ovsdb[0], DeletePort)
    assert {type(op) for op in stage.ovsdb} == {AddPort, DeletePort}


def test_a_vtep_of_the_kernel_changes_in_place() -> None:
    before, after = wanted(FRAGMENT, Backend.KERNEL), wanted(moved(OWN_HOST), Backend.KERNEL)
    switch = realized(before)
    (stage,) = make_plan(after, switch.observed).stages
    assert [type(step) for step in stage.steps()] == [SetVxlan]


def test_only_linked_members_have_tunnels_and_each_is_protected_as_its_link_says() -> None:
    links = (SegmentLink("h1", "h0", split_horizon=True), SegmentLink("h1", "h2"))
    hub = replace(FRAGMENT, topology=Topology.LINKS, links=links)
    assert {end: row.protected for end, row in rows(realized(wanted(hub))).items()} == {"h1": True}
    opened = of(topology=Topology.LINKS, links=(SegmentLink("h0", "h1"),))
    switch = realized(wanted(hub))
    (stage,) = make_plan(wanted(opened), switch.observed).stages
    assert [type(op) for op in stage.ovsdb] == [SetPort]


def test_a_vtep_outside_of_the_fleet_has_a_tunnel_by_its_address() -> None:
    switch = realized(wanted(of(external_vteps=("203.0.113.7",))))
    assert {end: row.protected for end, row in rows(switch).items()} == {
        "h1": True,
        "h2": True,
        "203.0.113.7": True,
    }
    removed = frozenset({"tunnel:S/203.0.113.7"})
    switch.run(make_plan(replace(wanted(FRAGMENT), removed=removed), switch.observed))
    assert rows(switch).keys() == {"h1", "h2"}


@pytest.mark.parametrize("vtep", ["2001:db8::7", "192.0.2.2", "::", "here"])
def test_a_vtep_that_cannot_be_one_is_named_and_the_others_stay(vtep: str) -> None:
    plan = make_plan(wanted(of(external_vteps=(vtep,))), bare_host())
    assert [(each.resource, each.reason) for each in plan.failures] == [
        (f"tunnel:S/{vtep}", "VtepInvalid")
    ]
    assert sum(isinstance(op, AddPort) for op in plan.stages[0].ovsdb) == 2


def test_options_are_set_in_place_and_given_back_while_others_stay() -> None:
    switch = realized(wanted(FRAGMENT))
    with_options = wanted(of(options=OPTIONS))
    (stage,) = make_plan(with_options, switch.observed).stages
    assert {type(op) for op in stage.ovsdb} == {SetInterface}
    switch.run(make_plan(with_options, switch.observed))
    row = rows(switch)["h1"].interfaces[0]
    assert {"ttl": "64", "csum": "true"}.items() <= row.options.items()
    assert row.settings.maps["bfd"] == {"enable": "true"}
    foreign = replace(row, options={**row.options, "ttl": "9", "tos": "1"})
    bridge = switch.bridges["br-fleet"]
    ports = (
        replace(port, interfaces=(foreign,)) if port.name == row.name else port
        for port in bridge.ports
    )
    switch.bridges["br-fleet"] = replace(bridge, ports=tuple(ports))
    after = replace(wanted(FRAGMENT), released=owed_releases(with_options, wanted(FRAGMENT)))
    switch.run(make_plan(after, switch.observed))
    left = {end: row.interfaces[0].options.keys() for end, row in rows(switch).items()}
    identity = {"key", "remote_ip", "local_ip", "dst_port"}
    assert left == {"h1": identity | {"ttl", "tos"}, "h2": identity}
    assert not any(row.interfaces[0].settings.maps for row in rows(switch).values())


def test_a_tunnel_with_other_extensions_is_made_anew_once_all_without_are_gone() -> None:
    plain, gbp = wanted(FRAGMENT), wanted(of(options=TunnelOptions(gbp=True)))
    switch = realized(plain)
    for desired in (gbp, replace(plain, released=owed_releases(gbp, plain))):
        first, second = make_plan(desired, switch.observed).stages
        assert {type(op) for op in first.ovsdb} == {DeletePort}
        assert {type(op) for op in second.ovsdb} == {AddPort}
        switch.run(make_plan(desired, switch.observed))
        assert make_plan(desired, switch.observed).describe() == ()


def test_a_mark_is_left_out_where_it_would_lose_every_packet() -> None:
    marked = wanted(of(options=TunnelOptions(egress_pkt_mark=7)))
    plan = make_plan(marked, bare_host())
    assert [(each.kind, each.reason) for each in plan.failures] == [
        (ErrorKind.UNSUPPORTED, "EgressMarkUnsupported")
    ]
    in_kernel = replace(marked, overlay=replace(OVERLAY, datapath_type=DatapathType.SYSTEM))
    switch = realized(in_kernel)
    assert rows(switch)["h1"].interfaces[0].options["egress_pkt_mark"] == "7"


@pytest.mark.parametrize(
    ("fragment", "backend", "kind", "reason"),
    [
        (of(topology=Topology.LINKS), Backend.KERNEL, ErrorKind.INVALID, "TopologyUnfit"),
        (of(arp_mode=ArpMode.SUPPRESS), Backend.KERNEL, ErrorKind.INVALID, "ArpModeUnfit"),
        (of(arp_mode=ArpMode.STRICT), Backend.OVS, ErrorKind.INVALID, "ArpModeUnfit"),
        (of(topology=Topology.UNKNOWN), Backend.OVS, ErrorKind.UNSUPPORTED, "SegmentUnknown"),
        (of(arp_mode=ArpMode.UNKNOWN), Backend.KERNEL, ErrorKind.UNSUPPORTED, "SegmentUnknown"),
    ],
)
def test_a_segment_that_cannot_be_here_is_left_as_it_is(
    fragment: SegmentFragment, backend: Backend, kind: ErrorKind, reason: str
) -> None:
    switch = realized(wanted(FRAGMENT, backend))
    plan = make_plan(wanted(fragment, backend), switch.observed)
    assert plan.is_empty
    assert [(each.resource, each.kind, each.reason) for each in plan.failures] == [
        ("segment:S", kind, reason)
    ]


@pytest.mark.parametrize("backend", [Backend.OVS, Backend.KERNEL])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (TunnelOptions(ttl="auto"), "ttl auto"),
        (TunnelOptions(ttl="0"), "ttl 0"),
        (TunnelOptions(ttl="٣"), "ttl ٣"),
        (TunnelOptions(tos="0x4"), "tos 0x4"),
        (TunnelOptions(tos="256"), "tos 256"),
        (TunnelOptions(flow_label=1 << 20), "flow_label 1048576"),
        (TunnelOptions(source_ports=(7, 5)), "source ports 7 to 5"),
        (TunnelOptions(source_ports=(1, 65536)), "source ports 1 to 65536"),
    ],
)
def test_an_option_of_a_newer_controller_stops_its_segment_alone(
    options: TunnelOptions, words: str, backend: Backend
) -> None:
    before, after = wanted(FRAGMENT, backend), wanted(of(options=options), backend)
    plan = make_plan(after, realized(before).observed)
    assert plan.is_empty
    (failure,) = plan.failures
    assert (failure.resource, failure.kind, failure.reason) == (
        "segment:S",
        ErrorKind.UNSUPPORTED,
        "OptionUnknown",
    )
    assert words in failure.message
    assert owed_releases(after, before) == frozenset()


def test_a_strict_segment_says_that_nobody_answers_for_ipv6() -> None:
    far = replace(MEMBERS[1], neighbours=(Neighbour("2001:db8::1", MEMBERS[1].macs[0]),))
    strict = of(arp_mode=ArpMode.STRICT, members=(MEMBERS[0], far))
    plan = make_plan(wanted(strict, Backend.KERNEL), bare_host())
    assert [each.reason for each in plan.failures] == ["Ipv6Unanswered"]
    assert any(isinstance(step, CreateVxlan) for step in plan.stages[0].steps())


def test_what_a_bridge_has_learned_elsewhere_is_not_taken_back() -> None:
    far = replace(MEMBERS[1], neighbours=(Neighbour("198.51.100.1", MEMBERS[1].macs[0]),))
    suppressing = of(arp_mode=ArpMode.SUPPRESS, members=(MEMBERS[0], far))
    attachment = SegmentAttachment("S", 0, suppressing.hash, Backend.KERNEL, "br-v")
    desired = replace(wanted(suppressing), overlay=None, attachments=(attachment,))
    told = realized(desired).observed
    placed = FdbEntry(far.macs[0], "")
    assert placed in told.fdb["kx10001"]
    learned = replace(told, learned={"kx10001": frozenset(far.macs)})
    assert make_plan(desired, learned).is_empty
    gone = {"kx10001": told.fdb["kx10001"] - {placed}}
    assert make_plan(desired, replace(learned, fdb=gone)).is_empty
    assert not make_plan(desired, replace(told, fdb=gone)).is_empty


# --- what nobody has removed ---------------------------------------------------------------------


def linked(*ends: str, **changes: object) -> HostState:
    """The segment with a link from this host to each of ``ends``, without split horizon."""
    links = tuple(SegmentLink(OWN_HOST, end) for end in ends)
    return wanted(of(topology=Topology.LINKS, links=links, **changes))


@pytest.mark.parametrize("before", [linked("h1"), wanted(FRAGMENT)])
def test_a_tunnel_that_stays_beside_others_is_cut_off_until_it_is_wanted_again(
    before: HostState,
) -> None:
    switch = realized(before)
    after = linked("h2")
    plan = make_plan(after, switch.observed)
    assert [(each.resource, each.reason) for each in plan.failures] == [
        ("tunnel:S/h1", "NotRemoved")
    ]
    assert "4094" in plan.failures[0].message
    switch.run(plan)
    found = {end: (row.tag, row.protected) for end, row in rows(switch).items()}
    assert found == {"h1": (4094, True), "h2": (11, False)}
    rest = make_plan(after, switch.observed)
    assert (rest.is_empty, rest.failures) == (True, plan.failures)
    switch.run(make_plan(before, switch.observed))
    assert rows(switch)["h1"].tag == 11


def put_guest(switch: Switch, name: str, tag: int) -> None:
    row = switch.bridges["br-fleet"]
    others = tuple(port for port in row.ports if port.name != name)
    guest = OvsPort(name, (OvsInterface(name),), tag, external_ids={"ovsfleet-id": f"a/{name}"})
    switch.bridges["br-fleet"] = replace(row, ports=(*others, guest))


def test_what_is_cut_off_is_in_a_vlan_that_nobody_has_and_leaves_it_when_somebody_comes() -> None:
    four = (*MEMBERS, SegmentMember("h3", "h3", "192.0.2.4"))
    switch = realized(linked("h1", "h3", members=four))
    after = linked("h2", members=four)
    put_guest(switch, "waiting", 4095)
    for guest, cut_off in ((4094, 4093), (4093, 4094), (4094, 4093)):
        put_guest(switch, "tap1", guest)
        switch.run(make_plan(after, switch.observed))
        found = {end: row.tag for end, row in rows(switch).items()}
        assert found == {"h1": cut_off, "h3": cut_off, "h2": 11, "tap1": guest, "waiting": 4095}
        assert make_plan(after, switch.observed).is_empty
    # An agent before this one used the VLAN in which guests wait.
    switch._rows.put_port("br-fleet", replace(rows(switch)["h1"], tag=4095))
    switch.run(make_plan(after, switch.observed))
    assert rows(switch)["h1"].tag == 4093
    # A segment that comes gets the VLAN, and what is cut off leaves it.
    other = replace(FRAGMENT, hash=b"t", segment_uid="T", vni=10002, members=MEMBERS[:1])
    come = replace(
        after,
        attachments=(*after.attachments, SegmentAttachment("T", 4093, b"t")),
        fragments={**after.fragments, b"t": other},
    )
    switch.run(make_plan(come, switch.observed))
    assert {rows(switch)[end].tag for end in ("h1", "h3")} == {4092}
    assert make_plan(come, switch.observed).is_empty


def test_where_every_vlan_is_in_a_trunk_a_tunnel_is_still_cut_off() -> None:
    switch = realized(linked("h1"))
    trunk = Port("port:t", "p0", PortType.INTERNAL, "br-fleet", trunks=frozenset(range(1, 4095)))
    after = replace(linked("h2"), ports=(trunk,))
    switch.run(make_plan(after, switch.observed))
    assert (rows(switch)["h1"].tag, rows(switch)["h1"].protected) == (4094, True)
    assert make_plan(after, switch.observed).is_empty


def test_a_tunnel_of_a_segment_that_is_forgotten_leaves_the_vlan_when_another_one_gets_it() -> None:
    switch = realized(wanted(FRAGMENT))
    other = replace(FRAGMENT, hash=b"t", segment_uid="T", vni=10002, members=MEMBERS[:1])
    after = replace(
        wanted(FRAGMENT), attachments=(SegmentAttachment("T", 11, b"t"),), fragments={b"t": other}
    )
    switch.run(make_plan(after, switch.observed))
    assert {row.tag for row in rows(switch).values()} == {4094}
    assert make_plan(after, switch.observed).is_empty


def test_a_protected_tunnel_beside_protected_ones_stays_as_it_is() -> None:
    switch = realized(wanted(FRAGMENT))
    plan = make_plan(wanted(of(members=MEMBERS[:2])), switch.observed)
    assert plan.is_empty
    assert [each.resource for each in plan.failures] == ["tunnel:S/h2"]


def test_tunnels_of_a_segment_that_intent_does_not_know_stay_as_they_are() -> None:
    before = linked("h1", "h2")
    switch = realized(before)
    plan = make_plan(replace(before, attachments=(), fragments={}), switch.observed)
    assert plan.is_empty
    assert len(plan.failures) == 2


# --- what another version of the agent accepted --------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        linked("h1", options=OPTIONS, external_vteps=("203.0.113.7",)),
        wanted(of(arp_mode=ArpMode.STRICT, options=OPTIONS), Backend.KERNEL),
    ],
)
def test_a_segment_that_another_version_read_as_less_than_it_is_stays(before: HostState) -> None:
    switch = realized(before)
    backend = before.attachments[0].backend
    assert (
        make_plan(replace(wanted(FRAGMENT, backend), is_whole=False), switch.observed).describe()
        == ()
    )


def test_a_segment_of_which_nothing_is_there_is_made_whoever_accepted_it() -> None:
    switch = Switch(bare_host())
    switch.run(make_plan(replace(wanted(FRAGMENT), is_whole=False), switch.observed))
    assert rows(switch).keys() == {"h1", "h2"}
