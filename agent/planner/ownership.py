"""Whose something is, and for which resource: read from marks alone, never from names."""

from __future__ import annotations

from collections.abc import Mapping

from agent.model import (
    BOUND_KEY,
    ID_KEY,
    OUR_KINDS,
    OVS_KINDS,
    OWNER_KEY,
    alias,
    bridge_id,
    segment_id,
)
from agent.observed import Link

SEGMENT_KINDS = frozenset({"vxlan", "bridge"})
"""Kinds of the devices that segments have."""
BRIDGE_KINDS = OVS_KINDS | {"bridge"}
"""Kinds of the devices that explicit bridges have."""

_TUNNEL_PREFIX = "tunnel:"
_SEGMENT_PREFIX = segment_id("")
_BRIDGE_PREFIX = bridge_id("")


def owned_id(external_ids: Mapping[str, str], owner: str) -> str:
    """The resource that a row is ours for; empty for a row that is not."""
    return external_ids.get(ID_KEY, "") if external_ids.get(OWNER_KEY) == owner else ""


def ownership(external_ids: Mapping[str, str]) -> dict[str, str]:
    """The mark alone; a row without one has an owner that nobody is."""
    return {key: external_ids.get(key, "") for key in (OWNER_KEY, ID_KEY)}


def bound_mark(owner: str, resource: str) -> str:
    return f"{owner}/{resource}"


def bound_id(external_ids: Mapping[str, str], owner: str) -> str:
    """The resource that somebody else's port is bound to; empty for none of ours."""
    fleet, _, resource = external_ids.get(BOUND_KEY, "").partition("/")
    return resource if fleet == owner else ""


def aliased_id(link: Link, owner: str) -> str:
    """The resource that a device is ours for; empty for a device that is not."""
    prefix = alias(owner, "")
    if not link.alias.startswith(prefix):
        return ""
    resource = link.alias.removeprefix(prefix)
    return resource if link.kind in _kinds(resource) else ""


def _kinds(resource: str) -> frozenset[str]:
    if is_segment(resource):
        return SEGMENT_KINDS
    return BRIDGE_KINDS if resource.startswith(_BRIDGE_PREFIX) else OUR_KINDS - SEGMENT_KINDS


def segment_of(resource: str) -> str:
    """The segment that a tunnel of a mesh belongs to; empty for everything else."""
    if not resource.startswith(_TUNNEL_PREFIX) or "/" not in resource:
        return ""
    return segment_id(resource.removeprefix(_TUNNEL_PREFIX).partition("/")[0])


def is_segment(resource: str) -> bool:
    return resource.startswith(_SEGMENT_PREFIX)
