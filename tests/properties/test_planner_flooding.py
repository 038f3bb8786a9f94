"""The mesh that plans build: no loop on the way to it, and one copy per remote member in it."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from agent.model import (
    HostState,
    Port,
    PortType,
    SegmentAttachment,
    SegmentFragment,
    SegmentMember,
    port_id,
)
from agent.planner import make_plan
from tests.support.flooding import Place, flood
from tests.support.hosts import FLEET, OVERLAY, VTEPS, bare_host
from tests.support.switch import Switch

HOSTS = ("h0", "h1", "h2", "h3")


@dataclass(frozen=True)
class Fabric:
    """Which hosts each segment has ports on, and each host's own numbering of VLANs."""

    members: dict[str, frozenset[str]]
    vlans: dict[str, dict[str, int]]

    def desired(self, host: str) -> HostState:
        segments = sorted(each for each in self.members if host in self.members[each])
        fragments = [self._fragment(segment) for segment in segments]
        vlans = self.vlans[host]
        return HostState(
            fleet_uid=FLEET,
            fleet_epoch=1,
            revision=1,
            hash=b"any",
            host_uid=host,
            host_name=host,
            overlay=OVERLAY if segments else None,
            ports=tuple(self._port(segment, vlans[segment]) for segment in segments),
            attachments=tuple(
                SegmentAttachment(each.segment_uid, vlans[each.segment_uid], each.hash)
                for each in fragments
            ),
            fragments={each.hash: each for each in fragments},
        )

    def _fragment(self, segment: str) -> SegmentFragment:
        hosts = sorted(self.members[segment])
        members = tuple(SegmentMember(each, each, VTEPS[int(each[1])]) for each in hosts)
        vni = 10000 + int(segment[1])
        return SegmentFragment(segment.encode(), segment, vni, 4789, 1450, members)

    def _port(self, segment: str, vlan: int) -> Port:
        return Port(port_id(segment), f"p-{segment}", PortType.INTERNAL, OVERLAY.name, vlan)


@st.composite
def fabrics(draw: st.DrawFn) -> Fabric:
    names = ("s0", "s1", "s2")
    members = {name: draw(st.frozensets(st.sampled_from(HOSTS))) for name in names}
    vlans = {
        host: dict(zip(names, draw(st.permutations((1, 2, 3))), strict=True)) for host in HOSTS
    }
    return Fabric(members, vlans)


def build(fabric: Fabric) -> dict[str, Switch]:
    switches = {host: Switch(bare_host()) for host in HOSTS}
    for host, switch in switches.items():
        plan = make_plan(fabric.desired(host), switch.observed)
        assert plan.failures == ()
        switch.run(plan)
    return switches


@given(fabrics())
def test_a_broadcast_reaches_every_remote_member_exactly_once(fabric: Fabric) -> None:
    switches = build(fabric)
    observed = {host: switch.observed for host, switch in switches.items()}
    for segment, hosts in fabric.members.items():
        for host in hosts:
            copies = flood(observed, Place(host, OVERLAY.name, f"p-{segment}"))
            reached = {place.host: n for place, n in copies.items() if place.port.startswith("p-")}
            assert reached == dict.fromkeys(hosts - {host}, 1)
            assert {place.port for place in copies if place.port.startswith("p-")} <= {
                f"p-{segment}"
            }


@given(fabrics(), fabrics(), st.data())
def test_no_broadcast_loops_while_hosts_move_from_one_mesh_to_another(
    before: Fabric, after: Fabric, data: st.DataObject
) -> None:
    switches = build(before)
    for host, switch in switches.items():
        plan = make_plan(after.desired(host), switch.observed)
        steps = sum(1 for stage in plan.stages for _ in stage.steps())
        switch.run(plan, limit=data.draw(st.integers(0, steps), label=f"atoms done on {host}"))
    observed = {host: switch.observed for host, switch in switches.items()}
    for host, state in observed.items():
        for bridge in state.bridges.values():
            for port in bridge.ports:
                flood(observed, Place(host, bridge.name, port.name))
