"""Bridges with settings, and ports of every type at them, for the tests of the pure core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.domain.intent import BridgeType, Manifest, PortType
from controller.domain.linux_bridge import LinuxBridgeSettings
from controller.domain.settings import BondSpec, BridgeSettings, PatchSpec, PortSettings
from tests.support.model_fleet import bridge, port

MEMBERS = ("eth1", "eth2")


def told(name: str, **settings: Any) -> Manifest:
    return bridge(name, "h1", settings=BridgeSettings(**settings))


def linux(name: str, on: str = "h1", **settings: Any) -> Manifest:
    """A Linux bridge, of which all of this is said."""
    said = LinuxBridgeSettings(**settings) if settings else None
    return bridge(name, on, type=BridgeType.LINUX, settings=BridgeSettings(linux=said))


def at(
    where: str, name: str = "new", spec: Mapping[str, Any] | None = None, **settings: Any
) -> Manifest:
    """A port of h1 at a bridge."""
    return port(name, "h1", bridge=where, settings=PortSettings(**settings), **(spec or {}))


def patch(
    name: str,
    near: str,
    far: str,
    tags: tuple[int | None, int | None] = (None, None),
    **settings: Any,
) -> Manifest:
    peer = PatchSpec(far, f"{name}-far", tags[1])
    spec = {"type": PortType.PATCH, "tag": tags[0]}
    return at(near, name, spec, patch=peer, **settings)


def bond(name: str = "new", members: tuple[str, ...] = MEMBERS, **fields: Any) -> Manifest:
    return at("lan", name, {"type": PortType.BOND}, bond=BondSpec(members, **fields))
