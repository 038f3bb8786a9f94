"""Shapes of what a person looks at first: who they are, what waits for them, and what they search.

Owns nothing. Every field is always present, so that a client needs no guesses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from controller.api.schemas.answers import PhaseCounts
from controller.api.schemas.base import Answer
from controller.api.schemas.documents import PhaseName
from controller.api.schemas.manifests import KindName


class Permissions(Answer):
    """What the token may do; where projects are limited, within them."""

    read: list[KindName]
    write: list[KindName]
    enrol: bool
    """Make join tokens, which let machines speak for hosts."""
    inspect: bool
    """Read what is compiled for a host, whichever projects meet on it."""
    operate: bool
    """Let hosts go on with what waits for a person."""


class WhoAmI(Answer):
    name: str
    """Of the token."""
    roles: list[str]
    projects: list[str] | None
    """Those within reach; null for all of them."""
    expires_at: datetime | None
    """When the token is good no longer; null for never."""
    may: Permissions


class HostStates(Answer):
    """How many hosts are meant to be in each state."""

    active: int
    maintenance: int
    decommissioning: int
    removed: int


class CapacityDocument(Answer):
    """Something that runs out: ``total`` of it, of which the rest is free."""

    id: str
    """``pool:<name>`` or ``local_vlans``."""
    title: str
    used: int
    quarantined: int
    """Released, and not free again yet."""
    total: int
    unit: str
    """What is counted: ``VNIs``, ``addresses``, ``VLANs``."""


class FleetDocument(Answer):
    fleet_uid: UUID
    epoch: int
    revision: int
    version: str
    """Of the controller."""
    hosts: PhaseCounts
    bridges: PhaseCounts
    segments: PhaseCounts
    ports: PhaseCounts
    tunnels: PhaseCounts
    hosts_connected: int
    """Hosts that are heard now."""
    hosts_pinned: int
    """Hosts that undid a change and are held until they are released."""
    hosts_by_state: HostStates
    attention: int
    """How much ``/v1/attention`` lists."""
    capacity: list[CapacityDocument]
    """Each pool by name, and the local VLANs of the host that has the fewest left."""


class AttentionItem(Answer):
    kind: KindName
    project: str
    name: str
    uid: UUID
    host: str | None
    """The host that it is about; null where it is about none, or about several."""
    phase: PhaseName
    reason: str
    message: str
    since: datetime
    fix: str
    """What to do, in one sentence."""


class AttentionPage(Answer):
    items: list[AttentionItem]
    """What a person must do first on top, then the newest."""
    total: int
    """Of all pages."""
    next_page_token: str
    """Give it as ``page_token`` for the next page; empty on the last."""


class SearchMatch(Answer):
    field: Literal["name", "uid", "label", "vtep", "address", "mac", "vni", "iface_id", "interface"]
    value: str


class SearchItem(Answer):
    kind: KindName
    project: str
    name: str
    uid: UUID
    phase: PhaseName
    host: str | None
    """The host that it is on; null for what is on none by itself."""
    matched: SearchMatch
    """What of it was found."""


class SearchAnswer(Answer):
    items: list[SearchItem]
    """Exact matches before beginnings before what is somewhere within."""
    truncated: bool
    """Whether there is more: search for more letters, or one kind."""
