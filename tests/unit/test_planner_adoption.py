"""What keeps a thing from being taken over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import ErrorKind
from agent.model import HostState
from agent.observed import ObservedState
from agent.planner import make_plan
from agent.safety import Grants
from tests.support.agent_loop import state
from tests.support.hosts import bare_host
from tests.support.switch import Switch

VETH = next(port for port in state().ports if port.peer is not None)


def granted(*, accept: bool) -> HostState:
    return replace(state(), ports=(VETH,), grants=Grants(1, adoptions={VETH.id: accept}))


def host_of_a_stranger() -> ObservedState:
    """With a veth device and a port of the name that ours is to have, and of another VLAN."""
    whole = replace(state(), ports=(VETH,))
    assert VETH.peer is not None
    switch = Switch(bare_host(namespaces=frozenset({VETH.peer.netns})))
    for _ in range(3):
        switch.run(make_plan(whole, switch.observed))
    (ours,) = (row for row in switch.bridges[VETH.bridge].ports if row.name == VETH.interface)
    interfaces = tuple(replace(each, external_ids={}) for each in ours.interfaces)
    theirs = replace(ours, tag=VETH.tag + 1, interfaces=interfaces, external_ids={})
    bridge = switch.bridges[VETH.bridge]
    rows = tuple(theirs if row is ours else row for row in bridge.ports)
    switch.bridges[VETH.bridge] = replace(bridge, ports=rows)
    observed = switch.observed
    device = replace(observed.links[VETH.interface], alias="")
    return replace(observed, links={**observed.links, device.name: device})


@pytest.mark.parametrize("accept", [False, True])
def test_nothing_is_taken_over_while_it_cannot_be_told_what_would_change(accept: bool) -> None:
    observed = host_of_a_stranger()
    nowhere = replace(observed, namespaces=frozenset(), peers={})
    plan = make_plan(granted(accept=accept), nowhere)
    assert plan.is_empty
    (failure,) = plan.failures
    assert (failure.resource, failure.kind) == (VETH.id, ErrorKind.TRANSIENT)
    assert failure.reason == "NamespaceMissing"
    assert "is not taken over" in failure.message


def test_what_differs_is_told_once_nothing_hinders_any_more() -> None:
    plan = make_plan(granted(accept=False), host_of_a_stranger())
    assert plan.is_empty
    assert [each.reason for each in plan.failures] == ["AdoptionDiffers"]
    assert not make_plan(granted(accept=True), host_of_a_stranger()).is_empty
