"""Every setting is compiled, documented and stored without loss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from pydantic import BaseModel

from controller.api import settings as api_settings
from controller.api.schemas import manifests
from controller.api.settings import settings_fields
from controller.compiler.linux_bridge import BRIDGE_ATTRIBUTES, PORT_ATTRIBUTES
from controller.compiler.settings import (
    BRIDGE_TARGETS,
    IN_MESSAGES,
    PORT_TARGETS,
    bridge_row,
    interface_row,
    port_row,
)
from controller.domain.settings import BridgeSettings, BridgeStp, PortSettings
from controller.store.settings import bridge_settings, port_settings, written
from tests.support import intent_model
from tests.support.intent_settings import (
    FULL_BRIDGE,
    FULL_BRIDGE_PORT,
    FULL_LINUX_BRIDGE,
    FULL_PORT,
    tame_bridge_settings,
    tame_port_settings,
)

ROOT = Path(__file__).parents[2]
SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")


def paths(group: type, prefix: str = "") -> Iterator[str]:
    hints = get_type_hints(group)
    for field in fields(group):
        inner = [each for each in get_args(hints[field.name]) if is_dataclass(each)]
        if inner:
            assert isinstance(inner[0], type)
            yield from paths(inner[0], f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def test_every_setting_is_compiled_once() -> None:
    bridge, port = set(paths(BridgeSettings)), set(paths(PortSettings))
    assert bridge == {*BRIDGE_TARGETS, *BRIDGE_ATTRIBUTES, *(IN_MESSAGES.keys() & bridge)}
    assert port == {*PORT_TARGETS, *PORT_ATTRIBUTES, *(IN_MESSAGES.keys() & port)}
    assert bridge | port >= IN_MESSAGES.keys()
    assert not (BRIDGE_TARGETS.keys() | PORT_TARGETS.keys()) & IN_MESSAGES.keys()
    for targets in (BRIDGE_TARGETS, PORT_TARGETS, BRIDGE_ATTRIBUTES, PORT_ATTRIBUTES):
        assert len({str(target) for target in targets.values()}) == len(targets)


@pytest.mark.parametrize("target", [*BRIDGE_TARGETS.values(), *PORT_TARGETS.values()], ids=str)
def test_every_setting_goes_where_open_vswitch_has_a_place_for_it(target: Any) -> None:
    column = json.loads(SCHEMA.read_text())["tables"][target.table]["columns"][target.column]
    is_map = isinstance(column["type"], dict) and "value" in column["type"]
    assert is_map == (target.key is not None or target.column == "external_ids")
    assert not column.get("ephemeral")


@pytest.mark.parametrize(
    ("shape", "group"),
    [(manifests.BridgeSpec, BridgeSettings), (manifests.PortSpec, PortSettings)],
)
def test_the_api_has_every_setting_under_its_own_name(shape: type[BaseModel], group: type) -> None:
    assert {path for path, _ in intent_model.leaves(shape)} >= set(paths(group))


def test_the_page_about_the_intent_model_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "intent-model.md").read_text() == intent_model.render()


@settings(max_examples=50)
@given(tame_bridge_settings(), tame_port_settings())
def test_settings_come_back_from_their_documents(
    bridge: BridgeSettings, port: PortSettings
) -> None:
    documents = json.loads(json.dumps([written(bridge), written(port)]))
    assert bridge_settings(documents[0]) == bridge
    assert port_settings(documents[1]) == port


def test_settings_of_linux_bridges_come_back_from_their_documents() -> None:
    documents = json.loads(json.dumps([written(FULL_LINUX_BRIDGE), written(FULL_BRIDGE_PORT)]))
    assert bridge_settings(documents[0]) == FULL_LINUX_BRIDGE
    assert port_settings(documents[1]) == FULL_BRIDGE_PORT


def test_settings_come_back_over_rest() -> None:
    place = {"host": "h1", "interface": "x"}
    for told in (FULL_BRIDGE, FULL_LINUX_BRIDGE):
        bridge = manifests.BridgeSpec.model_validate({**place, **settings_fields(told)})
        assert api_settings.bridge_settings(bridge) == told
    for port_told in (FULL_PORT, FULL_BRIDGE_PORT):
        port = manifests.PortSpec.model_validate({**place, **settings_fields(port_told)})
        assert api_settings.port_settings(port) == port_told


def test_settings_become_columns_and_keys() -> None:
    row = bridge_row(FULL_BRIDGE)
    assert row is not None
    assert [atom.boolean for atom in row.columns["stp_enable"].atoms] == [True]
    assert [atom.boolean for atom in row.columns["rstp_enable"].atoms] == [False]
    assert [atom.text for atom in row.columns["protocols"].atoms] == ["OpenFlow13"]
    assert dict(row.maps["other_config"].keys) == {
        "stp-priority": "4096",
        "stp-system-id": "02:00:00:00:00:01",
        "rstp-priority": "4096",
        "mcast-snooping-disable-flood-unregistered": "true",
        "mac-aging-time": "600",
    }
    port, interface = port_row(FULL_PORT), interface_row(FULL_PORT)
    assert port is not None
    assert interface is not None
    assert dict(port.maps["other_config"].keys) == {
        "priority-tags": "never",
        "stp-path-cost": "7",
        "rstp-admin-p2p-mac": "2",
        "mcast-snooping-flood": "true",
        "transient": "true",
        "lacp-time": "fast",
    }
    assert [atom.text for atom in port.columns["lacp"].atoms] == ["active"]
    assert [atom.integer for atom in interface.columns["ingress_policing_rate"].atoms] == [1000]
    assert dict(interface.maps["external_ids"].keys) == {"vm-id": "7"}


def test_what_says_nothing_of_a_row_is_not_compiled() -> None:
    assert bridge_row(BridgeSettings()) is None
    assert bridge_row(BridgeSettings(stp=BridgeStp())) is None
    assert port_row(PortSettings(external_ids={"a": "b"})) is None
    assert interface_row(PortSettings(protected=True)) is None
