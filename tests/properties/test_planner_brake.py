"""Whatever is lost of a state, nothing on the host is lost with it: absence is no order."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ErrorKind
from agent.fragments import SegmentFragment, SegmentMember, Topology
from agent.model import BROADCAST_FDB, HostState
from agent.observed import ObservedState
from agent.planner import lost_ends, make_plan, owed_releases
from agent.planner.inventory import owned_ids
from agent.planner.ownership import aliased_id, owned_id
from agent.planner.plan import DeleteBridge, DeleteInterface, DeleteLink, DeletePort
from tests.properties.test_planner import converge
from tests.support.hosts import FLEET, OWN_HOST, desired_states
from tests.support.monitoring_strategies import monitored_states
from tests.support.satisfaction import foreign_part
from tests.support.strange_hosts import strange_hosts
from tests.support.switch import Switch

T = TypeVar("T")
_EXAMPLES = settings().max_examples // 2
_DELETIONS = (DeleteBridge, DeletePort, DeleteInterface, DeleteLink)


@st.composite
def torn(draw: st.DrawFn, whole: HostState) -> HostState:
    """What a wrong database may have left of a state: any part of it, or nothing."""

    def some(rows: tuple[T, ...]) -> tuple[T, ...]:
        kept: list[bool] = [draw(st.booleans()) for _ in rows]
        return tuple(row for row, is_kept in zip(rows, kept, strict=True) if is_kept)

    attachments = some(whole.attachments)
    has_overlay: bool = draw(st.booleans())
    left = replace(
        whole,
        overlay=whole.overlay if attachments or has_overlay else None,
        bridges=some(whole.bridges),
        ports=some(whole.ports),
        attachments=attachments,
        tunnels=some(whole.tunnels),
        mirrors=some(whole.mirrors),
        flow_exports=some(whole.flow_exports),
    )
    fragments = {
        key: replace(
            each,
            hash=each.hash + b"-",
            members=tuple(m for m in each.members if m.host_uid == OWN_HOST) + some(_others(each)),
            external_vteps=some(each.external_vteps),
        )
        for key, each in whole.fragments.items()
        if each.topology is Topology.FULL
    }
    left = replace(left, fragments={**whole.fragments, **fragments})
    lost = lost_ends(whole, left, frozenset())
    return replace(left, released=owed_releases(whole, left), lost=lost)


def _others(fragment: SegmentFragment) -> tuple[SegmentMember, ...]:
    return tuple(each for each in fragment.members if each.host_uid != OWN_HOST)


def floods(observed: ObservedState) -> set[tuple[str, str]]:
    """Where the kernel's devices send what has no known place."""
    tables = observed.fdb.items()
    return {(name, e.dst) for name, table in tables for e in table if e.mac == BROADCAST_FDB}


def own_things(observed: ObservedState) -> set[tuple[str, ...]]:
    bridges = {(b.name,) for b in observed.bridges.values() if owned_id(b.external_ids, FLEET)}
    ports = {
        (bridge.name, port.name, *sorted(each.name for each in port.interfaces))
        for bridge in observed.bridges.values()
        for port in bridge.ports
        if owned_id(port.external_ids, FLEET)
    }
    links = {("", link.name) for link in observed.links.values() if aliased_id(link, FLEET)}
    return bridges | ports | links


@settings(max_examples=_EXAMPLES)
@given(st.one_of(desired_states(), monitored_states()), strange_hosts(), st.data())
def test_a_state_of_which_a_part_was_lost_deletes_nothing_of_ours_or_of_others(
    whole: HostState, host: ObservedState, data: st.DataObject
) -> None:
    switch = Switch(host)
    converge(switch, whole)
    own, foreign = own_things(switch.observed), foreign_part(switch.observed, FLEET)
    flooded = floods(switch.observed)
    owned = owned_ids(switch.observed, FLEET)
    left = data.draw(torn(whole), label="left")
    plan = make_plan(left, switch.observed)
    assert not [s for stage in plan.stages for s in stage.steps() if isinstance(s, _DELETIONS)]
    converge(switch, left)
    assert own <= own_things(switch.observed)
    assert flooded <= floods(switch.observed)
    assert owned_ids(switch.observed, FLEET) == owned
    assert foreign_part(switch.observed, FLEET) == foreign
    plan = make_plan(left, switch.observed)
    absent = {each.resource for each in plan.failures if each.reason == "NotRemoved"}
    held = [each for each in plan.failures if each.reason == "MassRemovalHeld"]
    assert len(held) == (len(absent) > max(5, len(owned) * 0.1))
    assert all((each.resource, each.kind) == ("removals", ErrorKind.CONFLICT) for each in held)
    # What is let go of goes, unless something of intent is still on it.
    following = replace(left, removed=frozenset(absent))
    converge(switch, following)
    failures = make_plan(following, switch.observed).failures
    in_use = {each.resource for each in failures if each.reason == "BridgeInUse"}
    assert owned_ids(switch.observed, FLEET) & absent <= in_use
