"""The laws of settings: what intent names is as it says, what it named goes back, others' stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from agent.columns import Atom, Settings
from agent.model import Backend, HostState
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.planner import make_plan, owed_releases, still_released
from agent.planner.ownership import owned_id
from tests.properties.test_planner import assert_at_rest, converge
from tests.support.hosts import FLEET, bare_host, desired_states
from tests.support.satisfaction import own_part
from tests.support.settings_strategies import (
    BRIDGE_SETTINGS,
    INTERFACE_SETTINGS,
    ROW_SETTINGS,
)
from tests.support.switch import Switch
from tests.support.tunnel_strategies import OPTIONS, with_options

Row = OvsBridge | OvsPort | OvsInterface
R = TypeVar("R", OvsBridge, OvsPort, OvsInterface)

THEIRS: dict[type[Row], dict[str, tuple[Atom, ...]]] = {
    OvsBridge: {"mcast_snooping_enable": (True,)},
    OvsPort: {"bond_downdelay": (9,)},
    OvsInterface: {"ingress_policing_kpkts_rate": (9,)},
}
"""Columns that no intent of these tests names."""


@st.composite
def reset(draw: st.DrawFn, state: HostState) -> HostState:
    """The same bridges, ports and segments with other settings and options."""
    linux = {each.linux_bridge for each in state.attachments}
    bridges = (replace(each, settings=draw(BRIDGE_SETTINGS)) for each in state.bridges)
    ports = (
        port
        if port.bridge in linux
        else replace(port, settings=draw(ROW_SETTINGS), interface_settings=draw(INTERFACE_SETTINGS))
        for port in state.ports
    )
    state = replace(state, bridges=tuple(bridges), ports=tuple(ports))
    for attachment in state.attachments:
        if attachment.backend is Backend.OVS:  # a device may have to be made anew, with its row
            gbp = state.fragments[attachment.fragment_hash].options.gbp  # so must a tunnel
            state = with_options(state, attachment, replace(draw(OPTIONS), gbp=gbp))
    return state


def successor(state: HostState, before: HostState) -> HostState:
    return replace(state, released=owed_releases(before, state))


def add_theirs(switch: Switch) -> None:
    """Somebody writes columns and keys of his own into every row."""
    for bridge in tuple(switch.bridges.values()):
        ports = tuple(
            _with_theirs(replace(port, interfaces=tuple(map(_with_theirs, port.interfaces))))
            for port in bridge.ports
        )
        switch.bridges[bridge.name] = _with_theirs(replace(bridge, ports=ports))


def _with_theirs(row: R) -> R:
    other = {**row.settings.maps.get("other_config", {}), "theirs": "1"}
    settings = Settings(
        {**row.settings.columns, **THEIRS[type(row)]}, {**row.settings.maps, "other_config": other}
    )
    row = replace(row, settings=settings, external_ids={**row.external_ids, "theirs": "1"})
    if isinstance(row, OvsInterface):
        return replace(row, options={**row.options, "theirs": "1"})
    return row


def own_rows(switch: Switch) -> Iterator[Row]:
    for bridge in switch.bridges.values():
        if owned_id(bridge.external_ids, FLEET):
            yield bridge
        for port in bridge.ports:
            if owned_id(port.external_ids, FLEET):
                yield port
                yield from port.interfaces


def has_theirs(row: Row) -> bool:
    columns = THEIRS[type(row)].items() <= row.settings.columns.items()
    keys = row.settings.maps.get("other_config", {}).get("theirs") == "1"
    options = not isinstance(row, OvsInterface) or row.options.get("theirs") == "1"
    return columns and keys and options and row.external_ids.get("theirs") == "1"


@given(desired_states(), st.data())
def test_settings_come_and_go_and_leave_those_of_others_alone(
    first: HostState, data: st.DataObject
) -> None:
    switch = Switch(bare_host())
    converge(switch, first)
    add_theirs(switch)
    assert make_plan(first, switch.observed).describe() == ()
    before = own_part(switch.observed, FLEET)
    second = successor(data.draw(reset(first), label="second"), first)
    converge(switch, second)
    assert_at_rest(switch, second)
    assert not still_released(second, switch.observed)
    assert all(map(has_theirs, own_rows(switch)))
    converge(switch, successor(first, second))
    assert own_part(switch.observed, FLEET) == before


@given(desired_states(), st.data())
def test_what_was_set_is_given_back_however_late_the_agent_gets_to_it(
    first: HostState, data: st.DataObject
) -> None:
    """Killed after any number of steps of any number of states, each of which it had accepted."""
    switch = Switch(bare_host())
    accepted = first
    for _ in range(3):
        plan = make_plan(accepted, switch.observed)
        switch.run(plan, limit=data.draw(st.integers(0, 3), label="atoms until the kill"))
        accepted = successor(data.draw(reset(first), label="next"), accepted)
    converge(switch, accepted)
    assert not still_released(accepted, switch.observed)
    fresh = Switch(bare_host())
    converge(fresh, replace(accepted, released=frozenset()))
    assert settings_of(switch) == settings_of(fresh)


def settings_of(switch: Switch) -> set[object]:
    return {
        (
            *(type(row), row.name, repr(row.settings), repr(sorted(row.external_ids))),
            repr(sorted(row.options.items())) if isinstance(row, OvsInterface) else "",
        )
        for row in own_rows(switch)
    }
