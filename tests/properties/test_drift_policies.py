"""What somebody changed of a guarded resource is never written to; all the rest converges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.attempts import Steps, steps_by_resource
from agent.drift import Drift
from agent.drift_events import DriftQueue
from agent.drift_left import policy_of
from agent.errors import Failure
from agent.model import (
    DEVICE_KEY,
    ID_KEY,
    OVS_KINDS,
    HostState,
    Port,
    PortType,
    desired_ids,
    port_id,
    segment_id,
)
from agent.monitoring import Mirror
from agent.observed import ObservedState, OvsBridge, OvsInterface
from agent.planner import Plan, make_plan
from agent.planner.plan import (
    AddAddress,
    AddFdb,
    AddPort,
    CreateVeth,
    DeleteAddress,
    DeleteFdb,
    DeletePort,
    DeleteStrays,
    SetInterface,
    SetLink,
    SetMirror,
    Step,
    UnbindPort,
)
from agent.safety import DriftPolicy, Grants, Safety
from agent.state_file import Cached
from tests.properties import test_planner_monitoring as watching
from tests.properties.test_planner import assert_at_rest
from tests.properties.test_planner_drift import Hand, disturb
from tests.support.agent_shell import HandClock
from tests.support.hosts import FLEET, OVERLAY, OWN_HOST, bare_host, desired_states
from tests.support.monitoring_strategies import monitored_states
from tests.support.satisfaction import foreign_part
from tests.support.switch import Switch

GUARDED = (DriftPolicy.REPORT, DriftPolicy.IGNORE)


class Agent:
    """The part of the closed loop that decides what of a plan is done."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.drift = Drift(DriftQueue(), HandClock())
        self.done: list[tuple[str, Steps, ObservedState]] = []
        self.told: tuple[Failure, ...] = ()

    def turn(self, desired: HostState) -> Plan:
        """Run until nothing is left that may be done; the plan that is left."""
        self.drift.begin(Cached(desired, "1", desired.revision, desired.hash))
        for _ in range(5):
            plan = make_plan(desired, self.switch.observed)
            todo = self.drift.sift(plan, desired, self.switch.observed, {}).plan
            if todo.is_empty:
                break
            now = self.switch.observed
            self.done += [(r, its, now) for r, its in steps_by_resource(todo).items()]
            self.drift.applying(steps_by_resource(todo), {})
            self.switch.run(todo)
        self.told = asyncio.run(self.drift.settle(desired, todo, {}))
        return todo


def part_of(observed: ObservedState, resources: frozenset[str]) -> dict[tuple[str, ...], object]:
    """Rows, devices and tables that bear a mark of ``resources``, without what the datapath writes,
    what a bridge has by itself and what goes with the ports of others."""
    part: dict[tuple[str, ...], object] = {}
    for bridge in observed.bridges.values():
        for port in bridge.ports:
            if port.external_ids.get(ID_KEY) in resources:
                rows = tuple(_bare(each) for each in port.interfaces)
                part[bridge.name, port.name] = replace(port, interfaces=rows)
        for mirror in bridge.mirrors:
            if mirror.external_ids.get(ID_KEY) in resources:
                nothing = frozenset[str]()
                part[bridge.name, "mirror", mirror.name] = replace(
                    mirror, select_src_port=nothing, select_dst_port=nothing, output_port=None
                )
        for table, export in bridge.exports.items():
            if export.external_ids.get(ID_KEY) in resources:
                part[bridge.name, table] = export
    for link in observed.links.values():
        if link.alias.removeprefix(f"ovsfleet:{FLEET}:") in resources:
            # ovs-vswitchd sets these from the row, whoever has it look at its rows again.
            is_made_by_ovs = link.kind in OVS_KINDS
            part["", link.name] = replace(link, mac="", mtu=0) if is_made_by_ovs else link
            fdb = observed.fdb.get(link.name, frozenset())
            part["fdb", link.name] = {entry for entry in fdb if entry.dst}
            part["neighbours", link.name] = observed.neighbours.get(link.name)
    return part


def _bare(interface: OvsInterface) -> OvsInterface:
    return replace(interface, ofport=None, error=None)


def comes_by_itself(step: Step, its: Steps, now: ObservedState, peace: ObservedState) -> bool:
    """Whether a step for a guarded resource is no more than docs/drift.md lets it be."""
    match step:
        case SetInterface():
            bare = not (step.columns or step.options or step.without or step.settings)
            return bare and step.external_ids.keys() == {DEVICE_KEY}
        case SetMirror():
            return step.columns.keys() <= {"select_src_port", "select_dst_port", "output_port"}
        case AddFdb() | DeleteFdb():
            return all(not entry.dst for entry in step.entries)
        case DeletePort() | AddPort():
            return _is_plugged_anew(its) or _makes_veth(its)
        case SetLink() | AddAddress() | DeleteAddress():
            places = (now, peace)
            there = [
                each.links.get(step.name)
                if step.netns is None
                else each.peers.get((step.netns, step.name))
                for each in places
            ]
            indices = {link.ifindex for link in there if link is not None}
            return len(indices) > 1 or None in there
    return isinstance(step, DeleteStrays | UnbindPort) or _makes_veth(its)


def _makes_veth(steps: Steps) -> bool:
    return any(isinstance(each, CreateVeth) for each in steps)


def _is_plugged_anew(steps: Steps) -> bool:
    gone = {each.name: each.based_on for each in steps if isinstance(each, DeletePort)}
    made = {each.port.name: each.port for each in steps if isinstance(each, AddPort)}
    return gone.keys() == made.keys() and all(
        (made[name].tag, made[name].trunks, [r.options for r in made[name].interfaces])
        == (row.tag, row.trunks, [r.options for r in row.interfaces])
        for name, row in gone.items()
    )


@settings(max_examples=settings().max_examples // 4)
@given(desired_states(), st.data())
def test_what_is_guarded_is_left_and_all_else_converges(
    desired: HostState, data: st.DataObject
) -> None:
    switch = Switch(bare_host())
    leaves_what_is_guarded(switch, desired, data, lambda: disturb(Hand(switch), data))
    assert_at_rest(switch, desired)


@settings(max_examples=settings().max_examples // 4)
@given(monitored_states(), st.data())
def test_what_is_watched_is_left_as_well(desired: HostState, data: st.DataObject) -> None:
    switch = Switch(watching.a_host())
    leaves_what_is_guarded(switch, desired, data, lambda: meddle(switch, data))
    watching.assert_at_rest(switch, desired)


def meddle(switch: Switch, data: st.DataObject) -> None:
    """Somebody changes one thing of what watches a bridge."""
    name = data.draw(st.sampled_from(sorted(switch.bridges)), label="bridge")
    row = switch.bridges[name]
    deeds: dict[str, OvsBridge] = {
        "no mirror": replace(row, mirrors=row.mirrors[1:]),
        "other mirrors": replace(
            row, mirrors=tuple(replace(m, snaplen=77, output_vlan=7) for m in row.mirrors)
        ),
        "no exports": replace(row, exports={}),
        "exports of another bridge": replace(
            row, exports={**switch.bridges[max(switch.bridges)].exports, **row.exports}
        ),
        "no qos": replace(row, ports=tuple(replace(each, qos=None) for each in row.ports)),
        "one port less": replace(row, ports=row.ports[: max(1, len(row.ports) - 1)]),
    }
    switch.bridges[name] = deeds[data.draw(st.sampled_from(sorted(deeds)), label="deed")]
    switch.reconfigure()


def leaves_what_is_guarded(
    switch: Switch, desired: HostState, data: st.DataObject, change: Callable[[], None]
) -> None:
    policies = data.draw(
        st.dictionaries(st.sampled_from(sorted(desired_ids(desired))), st.sampled_from(GUARDED))
        if desired_ids(desired)
        else st.just({}),
        label="policies",
    )
    desired = replace(desired, safety=Safety(drift=policies))
    agent = Agent(switch)
    agent.turn(desired)
    peace = switch.observed
    for _ in range(3):
        change()
    foreign, before = foreign_part(switch.observed, FLEET), switch.observed
    agent.done.clear()
    left = agent.turn(desired)
    guarded = frozenset(agent.drift.left)
    assert left.is_empty, left.describe()
    named = policies.keys() | _tunnels(desired, policies)
    # What was not whole at peace may become so: that is no drift.
    named -= {each.resource for each in make_plan(desired, peace).failures}
    unasked = [
        step.describe()
        for resource, its, now in agent.done
        if resource in named
        for step in its
        if not comes_by_itself(step, its, now, peace)
    ]
    assert unasked == []
    assert part_of(before, guarded) == part_of(switch.observed, guarded)
    assert foreign.items() <= foreign_part(switch.observed, FLEET).items()
    assert guarded <= named
    a_release_brings_back_what_it_can(agent, desired, guarded)
    agent.turn(replace(desired, safety=Safety()))


def a_release_brings_back_what_it_can(
    agent: Agent, desired: HostState, guarded: frozenset[str]
) -> None:
    """All but what is ignored, and what rests on that: it says so, and comes when that does."""
    released = replace(desired, grants=Grants(1, mended=1))
    assert agent.turn(released).is_empty
    assert agent.drift.left.keys() <= guarded
    rest = {each for each in agent.drift.left if not _is_ignored(desired, each)}
    waiting = {each.resource for each in agent.told}
    assert {each.reason for each in agent.told} <= {"StandsOnDrift"}
    assert rest <= waiting <= _on_what_is_ignored_and_gone(desired, agent.switch.observed)
    freed = {each: _unless_ignored(policy) for each, policy in desired.safety.drift.items()}
    agent.turn(replace(released, safety=Safety(drift=freed)))
    assert not rest & agent.drift.left.keys()
    assert "StandsOnDrift" not in {each.reason for each in agent.told}


def _unless_ignored(policy: DriftPolicy) -> DriftPolicy:
    return DriftPolicy.ENFORCE if policy is DriftPolicy.IGNORE else policy


def _is_ignored(desired: HostState, resource: str) -> bool:
    return policy_of(desired, resource) is DriftPolicy.IGNORE


def _on_what_is_ignored_and_gone(desired: HostState, observed: ObservedState) -> set[str]:
    """Ports on bridges, and mirrors of ports, that no release brings back."""
    makers = {each.linux_bridge: segment_id(each.segment_uid) for each in desired.attachments}
    makers |= {each.name: each.id for each in (*desired.bridges, desired.overlay) if each}
    there = observed.bridges.keys() | observed.links.keys()
    bridges = {name for name, maker in makers.items() if _is_ignored(desired, maker)} - there
    rows = {(name, port.name) for name, row in observed.bridges.items() for port in row.ports}
    ports = {(p.bridge, p.interface) for p in desired.ports if _is_ignored(desired, p.id)} - rows
    return {each.id for each in desired.ports if each.bridge in bridges} | {
        mirror.id
        for mirror in desired.mirrors
        for name in mirror.select_src_ports | mirror.select_dst_ports | {mirror.output_port}
        if (mirror.bridge, name) in ports
    }


def test_a_release_leaves_a_mirror_of_a_port_that_is_ignored_and_gone_and_says_why() -> None:
    ports = tuple(Port(port_id(p), p, PortType.INTERNAL, "br-fleet") for p in ("p0", "p3"))
    copied = frozenset({"p0", "p3"})
    mirror = Mirror("mirror:m", "m", "br-fleet", select_dst_ports=copied, output_port="p0")
    policies = {"mirror:m": DriftPolicy.REPORT, "port:p3": DriftPolicy.IGNORE}
    desired = replace(
        HostState(FLEET, 1, 1, b"any", OWN_HOST, OWN_HOST, OVERLAY, (), ports, mirrors=(mirror,)),
        safety=Safety(drift=policies),
    )
    switch = Switch(watching.a_host())
    agent = Agent(switch)
    agent.turn(desired)
    row = switch.bridges["br-fleet"]
    switch.bridges["br-fleet"] = replace(row, mirrors=(), ports=row.ports[:-1])
    switch.reconfigure()
    agent.turn(desired)
    assert agent.drift.left.keys() == policies.keys()
    a_release_brings_back_what_it_can(agent, desired, frozenset(policies))
    watching.assert_at_rest(switch, desired)


def _tunnels(desired: HostState, policies: Mapping[str, DriftPolicy]) -> set[str]:
    segments = {each.removeprefix("segment:") for each in policies}
    return {
        each
        for each in desired_ids(desired)
        if each.removeprefix("tunnel:").partition("/")[0] in segments
    }
