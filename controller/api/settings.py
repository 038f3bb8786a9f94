"""Settings between their shapes, where they stand among the other fields, and the domain's types.

Pure; owns nothing.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from controller.api.schemas.manifests import BridgeSpec, PortSpec
from controller.domain.settings import (
    BRIDGE_DEFAULTS,
    PORT_DEFAULTS,
    BridgeSettings,
    PortSettings,
    Settings,
)

_SettingsT = TypeVar("_SettingsT", BridgeSettings, PortSettings)

_BRIDGE = TypeAdapter(BridgeSettings)
_PORT = TypeAdapter(PortSettings)


def bridge_settings(spec: BridgeSpec) -> BridgeSettings:
    return _read(_BRIDGE, spec, BRIDGE_DEFAULTS)


def port_settings(spec: PortSpec) -> PortSettings:
    return _read(_PORT, spec, PORT_DEFAULTS)


def _read(adapter: TypeAdapter[_SettingsT], spec: BaseModel, defaults: _SettingsT) -> _SettingsT:
    names = {field.name for field in fields(defaults)} & spec.model_fields_set
    # Most of many thousand objects say nothing.
    return adapter.validate_python(spec.model_dump(include=names)) if names else defaults


def settings_fields(settings: Settings) -> dict[str, Any]:
    adapter: TypeAdapter[Any] = _BRIDGE if isinstance(settings, BridgeSettings) else _PORT
    found: dict[str, Any] = adapter.dump_python(settings, mode="json")
    return found
