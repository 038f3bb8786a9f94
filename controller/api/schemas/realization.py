"""Shapes of how far the fleet is with one object. Owns nothing."""

from __future__ import annotations

from datetime import datetime

from controller.api.schemas.base import Answer
from controller.api.schemas.documents import PhaseName
from controller.api.schemas.manifests import KindName
from controller.domain.realization import State


class LaggingHost(Answer):
    host: str
    phase: PhaseName
    reason: str
    message: str
    since: datetime | None
    """Since when it is not as intended there."""


class RealizationHosts(Answer):
    """Hosts that the object needs. Each is one of ``ok``, ``failed_count`` and
    ``pending_count``."""

    total: int
    ok: int
    failed_count: int
    pending_count: int
    failed: list[LaggingHost]
    """The first hundred by name."""
    pending: list[LaggingHost]
    """Those that have yet to apply it, or are not heard: the first hundred by name."""


class RealizationDocument(Answer):
    kind: KindName
    name: str
    project: str
    state: State
    """`pending`: no host has it and none is heard. `in_progress`: none failed. `degraded`: some
    failed, or one has it in part. `error`: none has it, and those that are done failed."""
    revision: int
    observed_revision: int
    """Newest revision of the object that all of its hosts have applied; 0 for none."""
    pending_since: datetime | None
    """`null` while it is realized."""
    hosts: RealizationHosts
