"""The mesh that plans build: no loop on the way to it, and one copy per remote member in it.

Meshes are mixed: each segment is carried by tunnels or by the kernel, and one host has no Open
vSwitch, so that the kernel carries all of its segments. Where all members have Open vSwitch, a
segment may have hubs instead, joined to each other with split horizon and each spoke to one of
them. Explicit tunnels join bridges of the other hosts to a tree, and VTEPs move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.fragments import SegmentFragment, SegmentLink, SegmentMember, Topology
from agent.model import (
    BROADCAST_FDB,
    Backend,
    Bridge,
    DatapathType,
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    Tunnel,
    VethPeer,
    explicit_tunnel_id,
    port_id,
)
from agent.observed import Link, ObservedState
from agent.planner import make_plan
from tests.support.flooding import Place, flood, places
from tests.support.hosts import FLEET, OVERLAY, bare_host
from tests.support.switch import Switch

HOSTS = ("h0", "h1", "h2", "h3")
WITHOUT_OVS = "h3"
SEGMENTS = ("s0", "s1", "s2")
UDP_PORTS = {Backend.OVS: 4789, Backend.KERNEL: 8472}
JOINED = Bridge("bridge:j", "br-j", DatapathType.NETDEV)
TREES = ((), (("h0", "h1"),), (("h0", "h1"), ("h1", "h2")), (("h0", "h2"), ("h1", "h2")))
"""Pairs of hosts that explicit tunnels join."""


@dataclass(frozen=True)
class Fabric:
    """Which hosts each segment has ports on, who carries it on hosts that have a choice, each
    host's own numbering of VLANs, and where the hosts and the explicit tunnels are."""

    members: dict[str, frozenset[str]]
    backends: dict[str, Backend]
    vlans: dict[str, dict[str, int]]
    vteps: dict[str, str]
    tree: tuple[tuple[str, str], ...]
    hubs: dict[str, frozenset[str]]
    """Hosts that are hubs where they are members; a segment that then has none is a full mesh."""
    former: dict[str, str] = field(default_factory=dict)
    """VTEPs that hosts had before and still have."""

    def desired(self, host: str) -> HostState:
        segments = sorted(each for each in self.members if host in self.members[each])
        fragments = [self._fragment(segment) for segment in segments]
        return HostState(
            fleet_uid=FLEET,
            fleet_epoch=1,
            revision=1,
            hash=b"any",
            host_uid=host,
            host_name=host,
            overlay=OVERLAY if segments and host != WITHOUT_OVS else None,
            bridges=() if host == WITHOUT_OVS else (JOINED,),
            ports=tuple(self._port(segment, host) for segment in segments),
            attachments=tuple(self._attachment(each, host) for each in fragments),
            tunnels=tuple(self._tunnels(host)),
            fragments={each.hash: each for each in fragments},
        )

    def _tunnels(self, host: str) -> Iterator[Tunnel]:
        """Each mirrors that of the other end."""
        for number, ends in enumerate(self.tree):
            if host in ends:
                other = next(each for each in ends if each != host)
                uid, vni = explicit_tunnel_id(str(number)), 20001 + number
                here, there = self.vteps[host], self.vteps[other]
                yield Tunnel(uid, JOINED.name, here, there, vni, UDP_PORTS[Backend.OVS])

    def place(self, segment: str, host: str) -> Place:
        """Where the segment's port is on the host."""
        return Place(host, self._port(segment, host).bridge, f"p-{segment}")

    def _attachment(self, fragment: SegmentFragment, host: str) -> SegmentAttachment:
        segment = fragment.segment_uid
        if host == WITHOUT_OVS:
            bridge = f"br-v{fragment.vni}"
            return SegmentAttachment(segment, 0, fragment.hash, Backend.KERNEL, bridge)
        vlan, backend = self.vlans[host][segment], self.backends[segment]
        return SegmentAttachment(segment, vlan, fragment.hash, backend)

    def _fragment(self, segment: str) -> SegmentFragment:
        hosts = sorted(self.members[segment])
        members = tuple(
            SegmentMember(
                each,
                each,
                self.vteps[each],
                (mac_of(segment, each),),
                former_vtep=self.former.get(each, ""),
            )
            for each in hosts
        )
        dst_port = UDP_PORTS[self.backends[segment]]
        links = tuple(self._links(segment))
        content = f"{segment}{dst_port}{members}{links}".encode()
        whole = SegmentFragment(content, segment, vni_of(segment), dst_port, 1450, members)
        return replace(whole, topology=Topology.LINKS, links=links) if links else whole

    def _links(self, segment: str) -> Iterator[SegmentLink]:
        members = self.members[segment]
        hubs = sorted(self.hubs[segment] & members)
        if not hubs or WITHOUT_OVS in members or self.backends[segment] is Backend.KERNEL:
            return
        yield from (SegmentLink(a, b, split_horizon=True) for a, b in combinations(hubs, 2))
        for spoke in sorted(members - set(hubs)):
            yield SegmentLink(hubs[int(spoke[1]) % len(hubs)], spoke)

    def _port(self, segment: str, host: str) -> Port:
        resource, interface, mac = port_id(segment), f"p-{segment}", mac_of(segment, host)
        if host == WITHOUT_OVS:
            peer = VethPeer("ns0", f"e-{segment}")
            bridge = f"br-v{vni_of(segment)}"
            return Port(resource, interface, PortType.VETH, bridge, mac=mac, peer=peer)
        vlan = self.vlans[host][segment]
        return Port(resource, interface, PortType.INTERNAL, OVERLAY.name, vlan, mac)


def vni_of(segment: str) -> int:
    return 10000 + int(segment[1])


def mac_of(segment: str, host: str) -> str:
    return f"02:00:00:00:0{segment[1]}:0{host[1]}"


@st.composite
def fabrics(draw: st.DrawFn) -> Fabric:
    members = {name: draw(st.frozensets(st.sampled_from(HOSTS))) for name in SEGMENTS}
    backends = {name: draw(st.sampled_from((Backend.OVS, Backend.KERNEL))) for name in SEGMENTS}
    vlans = {
        host: dict(zip(SEGMENTS, draw(st.permutations((1, 2, 3))), strict=True)) for host in HOSTS
    }
    vteps = {host: draw(st.sampled_from(addresses_of(host))) for host in HOSTS}
    tree = draw(st.sampled_from(TREES))
    hubs = {name: draw(st.frozensets(st.sampled_from(HOSTS), max_size=2)) for name in SEGMENTS}
    return Fabric(members, backends, vlans, vteps, tree, hubs)


def addresses_of(host: str) -> tuple[str, str]:
    """Where its VTEP may be."""
    return f"192.0.2.1{host[1]}", f"198.51.100.1{host[1]}"


def bare(host: str) -> ObservedState:
    addresses = frozenset(f"{each}/24" for each in addresses_of(host))
    found = _bare(host)
    return replace(found, links={**found.links, "lo": Link("lo", 1, addresses=addresses)})


def _bare(host: str) -> ObservedState:
    if host != WITHOUT_OVS:
        return bare_host()
    nothing = frozenset[str]()
    return bare_host(has_ovs=False, datapath_types=nothing, iface_types=nothing)


def build(fabric: Fabric) -> dict[str, Switch]:
    switches = {host: Switch(bare(host)) for host in HOSTS}
    for host, switch in switches.items():
        plan = make_plan(fabric.desired(host), switch.observed)
        assert plan.failures == ()
        assert switch.run(plan) == ()
        assert make_plan(fabric.desired(host), switch.observed).describe() == ()
    return switches


def observe(switches: dict[str, Switch]) -> dict[str, ObservedState]:
    return {host: switch.observed for host, switch in switches.items()}


@given(fabrics())
def test_a_broadcast_reaches_every_remote_member_exactly_once(fabric: Fabric) -> None:
    observed = observe(build(fabric))
    for segment, hosts in fabric.members.items():
        for host in hosts:
            copies = flood(observed, fabric.place(segment, host))
            reached = {place: n for place, n in copies.items() if place.port.startswith("p-")}
            assert reached == {fabric.place(segment, each): 1 for each in hosts - {host}}


@given(fabrics())
def test_the_kernel_sends_a_frame_for_a_known_mac_to_its_host_alone(fabric: Fabric) -> None:
    observed = observe(build(fabric))
    for segment, hosts in fabric.members.items():
        for host in hosts:
            if host != WITHOUT_OVS and fabric.backends[segment] is Backend.OVS:
                continue
            for target in hosts - {host}:
                copies = flood(observed, fabric.place(segment, host), mac_of(segment, target))
                assert {place.host for place in copies} == {host, target}
                assert copies[fabric.place(segment, target)] == 1


@given(fabrics(), fabrics(), st.data())
def test_no_broadcast_loops_while_hosts_move_from_one_mesh_to_another(
    before: Fabric, after: Fabric, data: st.DataObject
) -> None:
    # What is made for another tree comes in two revisions, and so do links between hosts.
    full: dict[str, frozenset[str]] = dict.fromkeys(SEGMENTS, frozenset())
    before, after = replace(before, hubs=full), replace(after, tree=before.tree, hubs=full)
    switches = build(before)
    for host, switch in switches.items():
        plan = make_plan(after.desired(host), switch.observed)
        steps = sum(1 for stage in plan.stages for _ in stage.steps())
        switch.run(plan, limit=data.draw(st.integers(0, steps), label=f"atoms done on {host}"))
    observed = observe(switches)
    for place in places(observed):
        flood(observed, place, BROADCAST_FDB)


@given(fabrics(), fabrics())
def test_tunnels_that_nobody_removed_close_no_loop(before: Fabric, after: Fabric) -> None:
    after = replace(after, tree=before.tree)
    switches = build(before)
    for host, switch in switches.items():
        for _ in range(2):
            switch.run(make_plan(after.desired(host), switch.observed))
        assert make_plan(after.desired(host), switch.observed).is_empty
    observed = observe(switches)
    for place in places(observed):
        flood(observed, place, BROADCAST_FDB)


def after_moves(fabric: Fabric, moved: frozenset[str], *, settled: bool) -> Fabric:
    """Some hosts have the other one of their addresses, and keep what they had until all know."""
    vteps = {
        host: next(each for each in addresses_of(host) if (each == vtep) != (host in moved))
        for host, vtep in fabric.vteps.items()
    }
    former = {} if settled else {host: fabric.vteps[host] for host in moved}
    return replace(fabric, vteps=vteps, former=former, tree=())


@settings(max_examples=40)
@given(fabrics(), st.frozensets(st.sampled_from(HOSTS)), st.booleans(), st.data())
def test_a_broadcast_reaches_every_member_however_far_a_change_of_vteps_has_come(
    fabric: Fabric, moved: frozenset[str], ends: bool, data: st.DataObject
) -> None:
    before = replace(fabric, hubs=dict.fromkeys(SEGMENTS, frozenset()), tree=())
    if ends:
        # The flood followed here knows no second address of a kernel's device, as real ones do.
        members = {name: hosts - {WITHOUT_OVS} for name, hosts in fabric.members.items()}
        before = replace(before, members=members, backends=dict.fromkeys(SEGMENTS, Backend.OVS))
    changing = after_moves(before, moved, settled=False)
    first, then = (
        (changing, after_moves(before, moved, settled=True)) if ends else (before, changing)
    )
    switches = build(before)
    for host, switch in switches.items():
        switch.run(make_plan(first.desired(host), switch.observed))
        plan = make_plan(then.desired(host), switch.observed)
        steps = sum(1 for stage in plan.stages for _ in stage.steps())
        switch.run(plan, limit=data.draw(st.integers(0, steps), label=f"atoms done on {host}"))
    observed = observe(switches)
    for segment, hosts in before.members.items():
        for host in hosts:
            copies = flood(observed, before.place(segment, host))
            reached = {place for place in copies if place.port.startswith("p-")}
            assert reached == {before.place(segment, each) for each in hosts - {host}}
