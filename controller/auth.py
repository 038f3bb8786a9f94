"""Who is calling and what they may do. Pure: hashing, comparing, deciding; no storage, no clock.

Everything that no rule below allows is denied. Kinds are plain words here, because the domain may
know of principals but principals must not know of the domain.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class Role(enum.StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    PROJECT_ADMIN = "project-admin"
    NETWORK_ADMIN = "network-admin"
    AUDITOR = "auditor"


class Verb(enum.StrEnum):
    READ = "read"
    WRITE = "write"
    """Create, replace, apply or delete intent."""
    ENROL = "enrol"
    """Make a join token, which lets a machine speak for a host."""
    INSPECT = "inspect"
    """Read what is compiled for a host; it mixes the projects that meet on the host."""
    OPERATE = "operate"
    """Let a host go on with what waits for a person, whichever project it belongs to."""


SYSTEM = "system:"
"""How the names of the controller's own principals begin."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. ``projects`` is None when all projects are within reach."""

    name: str
    roles: frozenset[Role]
    projects: frozenset[str] | None = None
    expires_at: datetime | None = None
    """When the token is good no longer; None: never."""

    @property
    def is_system(self) -> bool:
        """Whether it is the controller itself, which follows what hosts report."""
        return self.name.startswith(SYSTEM)


PROJECT_KINDS = frozenset({"Segment", "Port"})
"""Owned by projects; all other kinds are the network-admin's and shared by everybody."""

FLEET_KINDS = frozenset({"Mirror", "FlowExport"})
"""What shows the traffic of whichever project it meets, whole or by its headers: nothing that a
principal with limited projects may know of."""

_READERS = frozenset(Role)
_WRITERS_OF_PROJECT_KINDS = frozenset({Role.PROJECT_ADMIN, Role.NETWORK_ADMIN})
_NETWORK_ADMIN = frozenset({Role.NETWORK_ADMIN})
_OPERATORS = frozenset({Role.OPERATOR, Role.NETWORK_ADMIN})
_OF_WHOLE_HOSTS = frozenset({Verb.INSPECT, Verb.OPERATE})


def may(principal: Principal, verb: Verb, kind: str, project: str) -> bool:
    """Whether the principal may do this to objects of this kind in this project."""
    if not sees(principal, kind, project):
        return False
    if verb in _OF_WHOLE_HOSTS and principal.projects is not None:
        return False
    return bool(principal.roles & _allowed(verb, kind))


def reaches(principal: Principal, project: str) -> bool:
    """Whether objects of this project exist at all, as far as the principal is concerned."""
    return principal.projects is None or project in principal.projects


def sees(principal: Principal, kind: str, project: str) -> bool:
    """Whether objects of this kind in this project exist, as far as the principal is concerned."""
    if kind in FLEET_KINDS:
        return principal.projects is None
    return kind not in PROJECT_KINDS or reaches(principal, project)


def _allowed(verb: Verb, kind: str) -> frozenset[Role]:
    match verb:
        case Verb.READ | Verb.INSPECT:
            return _READERS
        case Verb.OPERATE:
            return _OPERATORS
        case Verb.WRITE if kind in PROJECT_KINDS:
            return _WRITERS_OF_PROJECT_KINDS
        case Verb.WRITE | Verb.ENROL:
            return _NETWORK_ADMIN
