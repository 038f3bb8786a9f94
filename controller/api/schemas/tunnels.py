"""Shapes of effective tunnels: what hosts have of meshes and explicit tunnels. Owns nothing."""

from __future__ import annotations

from typing import Literal

from controller.api.schemas.base import Answer
from controller.api.schemas.documents import PhaseName


class EffectiveTunnelDocument(Answer):
    """One end of a tunnel, on the host that has it."""

    id: str
    """Resource id, as failures name it. While a VTEP changes, the tunnels from and to the former
    one have the same."""
    kind: Literal["mesh", "explicit"]
    backend: Literal["ovs", "kernel"]
    name: str
    """Of the explicit tunnel, or of the segment whose mesh it belongs to."""
    project: str
    segment: str | None
    """None for an explicit tunnel."""
    host: str
    remote_host: str | None
    """None for an outside VTEP."""
    bridge: str
    """As it is called on the host."""
    local_ip: str
    remote_ip: str
    vni: int
    dst_port: int
    phase: PhaseName
    reason: str
    message: str


class EffectiveTunnelPage(Answer):
    items: list[EffectiveTunnelDocument]
    next_page_token: str
    """Give it as ``page_token`` for the next page; empty on the last."""
    revision: int
    """Fleet revision that the page was read at."""


class HostTunnelPage(EffectiveTunnelPage):
    total: int
    """How many match, on all pages together."""
