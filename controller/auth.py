"""Who is calling and what they may do. Pure: hashing, comparing, deciding; no storage, no clock."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Role(enum.StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    PROJECT_ADMIN = "project-admin"
    NETWORK_ADMIN = "network-admin"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. ``projects`` is None when all projects are within reach."""

    name: str
    roles: frozenset[Role]
    projects: frozenset[str] | None = None
