"""Who may do what: the whole table of role x verb x kind x project, deny by default."""

from __future__ import annotations

import itertools

import pytest

from controller.auth import Principal, Role, Verb, may
from controller.domain.intent import Kind

OWN, OTHER = "blue", "red"

# What one role allows in the caller's own project; everything that is not here is denied.
_READ_ALL = {(Verb.READ, kind) for kind in Kind}
_WRITE_PROJECT = {(Verb.WRITE, Kind.SEGMENT), (Verb.WRITE, Kind.PORT)}
_WRITE_ALL = {(Verb.WRITE, kind) for kind in Kind}
_ENROL_ALL = {(Verb.ENROL, kind) for kind in Kind}
_INSPECT_ALL = {(Verb.INSPECT, kind) for kind in Kind}
_OPERATE_ALL = {(Verb.OPERATE, kind) for kind in Kind}

ALLOWED: dict[Role, set[tuple[Verb, Kind]]] = {
    Role.VIEWER: _READ_ALL,
    Role.OPERATOR: _READ_ALL | _OPERATE_ALL,
    Role.AUDITOR: _READ_ALL,
    Role.PROJECT_ADMIN: _READ_ALL | _WRITE_PROJECT,
    Role.NETWORK_ADMIN: _READ_ALL | _WRITE_ALL | _ENROL_ALL | _OPERATE_ALL,
}
WATCHING = {Kind.MIRROR, Kind.FLOW_EXPORT}
SHARED = set(Kind) - {Kind.SEGMENT, Kind.PORT} - WATCHING

MATRIX = list(itertools.product(Role, Verb, Kind, (OWN, OTHER)))


@pytest.mark.parametrize(("role", "verb", "kind", "project"), MATRIX)
def test_a_principal_of_one_project_may_do_what_the_table_says(
    role: Role, verb: Verb, kind: Kind, project: str
) -> None:
    principal = Principal("someone", frozenset({role}), frozenset({OWN}))
    within_reach = kind in SHARED or (project == OWN and kind not in WATCHING)
    expected = within_reach and (verb, kind) in ALLOWED[role] - _OPERATE_ALL
    assert may(principal, verb, kind, project) is expected


@pytest.mark.parametrize(("role", "verb", "kind", "project"), MATRIX)
def test_a_principal_of_all_projects_may_do_the_same_everywhere_and_inspect_hosts(
    role: Role, verb: Verb, kind: Kind, project: str
) -> None:
    principal = Principal("someone", frozenset({role}))
    assert may(principal, verb, kind, project) is ((verb, kind) in ALLOWED[role] | _INSPECT_ALL)


@pytest.mark.parametrize(("verb", "kind"), list(itertools.product(Verb, Kind)))
def test_a_principal_without_a_role_may_do_nothing(verb: Verb, kind: Kind) -> None:
    assert not may(Principal("nobody", frozenset()), verb, kind, OWN)


@pytest.mark.parametrize(("verb", "kind"), list(itertools.product(Verb, Kind)))
def test_two_roles_allow_what_either_allows(verb: Verb, kind: Kind) -> None:
    roles = (Role.VIEWER, Role.PROJECT_ADMIN)
    both = Principal("someone", frozenset(roles))
    either = [may(Principal("someone", frozenset({role})), verb, kind, OWN) for role in roles]
    assert may(both, verb, kind, OWN) is any(either)
