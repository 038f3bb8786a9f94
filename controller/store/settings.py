"""Settings of bridges and ports as the documents that their rows hold; see ``docs/adr/0012``.

What a document leaves out is at its default. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from controller.domain.settings import (
    BRIDGE_DEFAULTS,
    PORT_DEFAULTS,
    BridgeSettings,
    PortSettings,
    Settings,
)

_BRIDGE = TypeAdapter(BridgeSettings)
_PORT = TypeAdapter(PortSettings)


def written(settings: Settings) -> dict[str, Any]:
    # Most objects say nothing, and thousands are written and read at a time.
    if settings in (BRIDGE_DEFAULTS, PORT_DEFAULTS):
        return {}
    adapter: TypeAdapter[Any] = _BRIDGE if isinstance(settings, BridgeSettings) else _PORT
    document: dict[str, Any] = adapter.dump_python(settings, mode="json", exclude_defaults=True)
    return document


def bridge_settings(document: Mapping[str, Any]) -> BridgeSettings:
    return _BRIDGE.validate_python(document) if document else BRIDGE_DEFAULTS


def port_settings(document: Mapping[str, Any]) -> PortSettings:
    return _PORT.validate_python(document) if document else PORT_DEFAULTS
