"""Exports of flows: the fields of each protocol, and one export of it for each bridge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.domain.definitions import FlowProtocol
from controller.domain.intent import BridgeType, Kind
from controller.domain.label_selectors import may_meet, parse_selector
from controller.domain.validation import Planned
from tests.support.model_fleet import ModelFleet, host, removal
from tests.support.refusals import faults, refusal, refused
from tests.support.watchers import export, group

NETFLOW, SFLOW, IPFIX = FlowProtocol.NETFLOW, FlowProtocol.SFLOW, FlowProtocol.IPFIX
EDGE, CORE = group("edge", "role=edge"), group("core", "role!=edge")
AT = "/objects/0/spec"


@pytest.fixture
def fleet() -> ModelFleet:
    return ModelFleet()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"targets": ()}, ("targets", "targets_number")),
        ({"targets": ("collector:6343",)}, ("targets/0", "invalid_target")),
        ({"targets": ("2001:db8::1:6343",)}, ("targets/0", "invalid_target")),
        ({"targets": ("192.0.2.9:0",)}, ("targets/0", "dst_port_out_of_range")),
        ({"overlay": False}, ("bridge_selector", "bridges_missing")),
        ({"bridge_selector": "a=("}, ("bridge_selector", "invalid_selector")),
        ({"host_group": "none"}, ("host_group", "unknown_hostgroup")),
        ({"sampling": 0}, ("sampling", "value_out_of_range")),
        ({"agent": "a-name-that-is-too-long"}, ("agent", "interface_too_long")),
        ({"engine_id": 1}, ("engine_id", "setting_not_of_type")),
        ({"protocol": NETFLOW, "active_timeout_s": -2}, ("active_timeout_s", "value_out_of_range")),
        ({"protocol": IPFIX, "active_timeout_s": -1}, ("active_timeout_s", "value_out_of_range")),
        ({"protocol": IPFIX, "polling_s": 1}, ("polling_s", "setting_not_of_type")),
    ],
)
def test_what_open_vswitch_could_not_export_is_refused(
    fleet: ModelFleet, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    where, code = expected
    assert refused(fleet, export("e", **fields)) == [(f"{AT}/{where}", code)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"host_group": "edge"}, {}),
        ({"host_group": "edge"}, {"host_group": "edge"}),
        ({"overlay": False, "bridge_selector": "a"}, {"bridge_selector": "b"}),
    ],
)
def test_two_exports_of_a_protocol_that_may_meet_at_a_bridge_are_refused(
    fleet: ModelFleet, first: dict[str, Any], second: dict[str, Any]
) -> None:
    fleet.apply(EDGE, CORE, export("one", **first))
    assert refused(fleet, export("two", **second)) == [(AT, "flow_exports_meet")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"protocol": NETFLOW}),
        ({"host_group": "edge"}, {"host_group": "core"}),
        ({}, {"overlay": False, "bridge_selector": "a"}),
        ({"bridge_selector": "a=1"}, {"overlay": False, "bridge_selector": "a in (2,3)"}),
    ],
)
def test_exports_that_never_meet_stand_side_by_side(
    fleet: ModelFleet, first: dict[str, Any], second: dict[str, Any]
) -> None:
    fleet.apply(EDGE, CORE, export("one", **first), export("two", **second))


def test_a_group_that_would_let_two_exports_meet_is_refused(fleet: ModelFleet) -> None:
    fleet.apply(EDGE, CORE)
    fleet.apply(export("one", host_group="edge"), export("two", host_group="core"))
    wider = group("core", "role")
    assert refused(fleet, wider) == [("/objects/0/spec/selector", "flow_exports_meet")]
    fleet.apply(group("core", "role in (core,spine)"))


def test_the_protocol_stays_and_a_group_in_use_too(fleet: ModelFleet) -> None:
    fleet.apply(EDGE, export("one", host_group="edge"))
    changed = export("one", host_group="edge", protocol=IPFIX)
    assert refused(fleet, changed) == [(f"{AT}/protocol", "immutable")]
    error = refusal(lambda: fleet.delete(removal(Kind.HOST_GROUP, "edge")))
    assert faults(error) == [("", "still_in_use")]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("", "", True),
        ("a=1", "a=2", False),
        ("a=1", "a in (1,2)", True),
        ("a=1", "a!=1", False),
        ("a", "!a", False),
        ("a notin (1,2)", "a in (1,2)", False),
        ("a notin (1)", "!a", True),
        ("a=1,b=1", "b=2", False),
        ("a=1", "b=2", True),
    ],
)
def test_selectors_meet_where_some_labels_match_both(
    first: str, second: str, expected: bool
) -> None:
    assert may_meet(parse_selector(first), parse_selector(second)) is expected
    assert may_meet(parse_selector(second), parse_selector(first)) is expected


def test_an_export_that_is_on_no_host_is_told(fleet: ModelFleet) -> None:
    bare = host("bare", "192.0.2.1", overlay_bridge_type=BridgeType.LINUX)
    fleet.apply(replace(bare, labels={"role": "edge"}), host("other", "192.0.2.2"))
    planned = fleet.apply(EDGE, export("e", host_group="edge"))
    assert told(planned) == [("/objects/1/spec", "exports_nothing")]
    full = replace(host("full", "192.0.2.3"), labels={"role": "edge"})
    assert told(fleet.apply(full, export("e", host_group="edge"))) == []
    away = fleet.apply(group("edge", "role=elsewhere"))
    assert told(away) == [("/objects/0/spec/selector", "exports_nothing")]
    assert told(fleet.apply(export("all", protocol=NETFLOW))) == []


def told(planned: Planned) -> list[tuple[str, str]]:
    return [(warning.pointer, warning.code) for warning in planned.warnings]
