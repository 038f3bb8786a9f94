"""Devices that took the name of one of ours: neither Open vSwitch nor we can have made them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ErrorKind
from agent.model import HostState, Port, PortType
from agent.observed import Link
from agent.planner import make_plan, still_owed
from agent.planner.plan import AddAddress, DeleteAddress, Plan, SetLink
from tests.support.hosts import DEVICES, FLEET, OVERLAY, OWN_HOST, bare_host, desired_states, ids
from tests.support.switch import Switch

KINDS = ("", "dummy", "macvlan", "bond", "bridge", "vxlan")


def realized(desired: HostState) -> Switch:
    switch = Switch(bare_host())
    switch.run(make_plan(desired, switch.observed))
    return switch


def replace_device(switch: Switch, name: str, kind: str, alias: str = "") -> Link:
    """Somebody deletes ours and makes another of the same name."""
    index = switch.kernel.next_index()
    made = Link(name, index, kind, alias=alias, owned_addresses=frozenset({"10.9.9.9/24"}))
    switch.kernel.links[name] = made
    return made


def mark_of(switch: Switch, name: str) -> str:
    """The alias of a device of ours, unless a device of another kind may bear it as well."""
    mark = switch.kernel.links[name].alias
    return "" if ":segment:" in mark or ":bridge:" in mark else mark


def link_names(plan: Plan) -> set[str]:
    """The devices here that steps change, delete or would create."""
    steps = [step for stage in plan.stages for step in (*stage.pre, *stage.post)]
    elsewhere = (SetLink, AddAddress, DeleteAddress)
    return {step.name for step in steps if not (isinstance(step, elsewhere) and step.netns)}


@given(desired_states(), desired_states(), st.data())
def test_no_step_names_a_device_that_neither_open_vswitch_nor_we_can_have_made(
    first: HostState, second: HostState, data: st.DataObject
) -> None:
    switch = realized(first)
    names = sorted(switch.kernel.links.keys() - DEVICES.keys())
    taken = data.draw(st.sets(st.sampled_from(names)) if names else st.just(set()), label="taken")
    foreign = {
        name: replace_device(
            switch,
            name,
            data.draw(st.sampled_from(KINDS), label="kind"),
            data.draw(st.sampled_from(("", mark_of(switch, name))), label="alias"),
        )
        for name in sorted(taken)
    }
    if data.draw(st.booleans(), label="noticed by ovs-vswitchd"):
        switch.reconfigure()
    for desired in (first, replace(second, removed=ids(first) - ids(second))):
        for _ in range(3):
            plan = make_plan(desired, switch.observed)
            assert not link_names(plan) & foreign.keys(), plan.describe()
            switch.run(plan)
    assert {name: switch.kernel.links[name] for name in foreign} == foreign


PORT = Port("port:a", "a", PortType.INTERNAL, OVERLAY.name)
WANTED = HostState(FLEET, 1, 1, b"any", OWN_HOST, OWN_HOST, overlay=OVERLAY, ports=(PORT,))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", OVERLAY.name])
def test_a_foreign_device_under_a_row_of_ours_is_a_conflict_that_names_it(
    kind: str, name: str
) -> None:
    switch = realized(WANTED)
    replace_device(switch, name, kind)
    switch.reconfigure()
    plan = make_plan(WANTED, switch.observed)
    (failure,) = plan.failures
    assert failure.resource == (PORT.id if name == "a" else OVERLAY.id)
    assert (failure.kind, failure.reason) == (ErrorKind.CONFLICT, "AlreadyTaken")
    assert f"{kind or 'physical'} device" in failure.message
    assert plan.is_empty


def test_a_foreign_device_is_not_deleted_along_with_the_port_whose_name_it_has() -> None:
    switch = realized(WANTED)
    other = replace_device(switch, "a", "dummy", switch.kernel.links["a"].alias)
    without = replace(WANTED, ports=(), removed=frozenset({PORT.id}))
    switch.run(make_plan(without, switch.observed))
    assert switch.kernel.links["a"] == other
    assert make_plan(without, switch.observed).describe() == ()
    assert still_owed(without.removed, switch.observed, FLEET) == frozenset()


def test_the_port_comes_back_once_the_foreign_device_is_gone() -> None:
    switch = realized(WANTED)
    replace_device(switch, "a", "dummy")
    switch.reconfigure()
    del switch.kernel.links["a"]
    switch.reconfigure()
    switch.run(make_plan(WANTED, switch.observed))
    assert make_plan(WANTED, switch.observed).describe() == ()
    assert switch.kernel.links["a"].kind == "tun"
