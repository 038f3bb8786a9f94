"""Deleting what a request no longer names: the objects with certain labels that it leaves out.

Owns nothing. Must not find what the principal may not delete.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from controller.auth import PROJECT_KINDS, Principal, Verb, may
from controller.domain.errors import ForbiddenError
from controller.domain.intent import DEFAULT_PROJECT, Kind, Ref, Removal
from controller.services.host_devices import without_foreign_ports
from controller.store.engine import Transaction
from controller.store.labelled import read_labelled


@dataclass(frozen=True, slots=True)
class Prune:
    """Which objects go unless the request names them."""

    labels: Mapping[str, str]
    """What they all have; the database looks these up."""
    matches: Callable[[Mapping[str, str]], bool]
    """Whether these labels are meant, all told."""
    kinds: frozenset[Kind] = field(default_factory=frozenset)
    """None named: all that the principal may delete."""
    pointer: str = "/prune"


def authorise_prune(principal: Principal, prune: Prune) -> None:
    refused = sorted(prune.kinds - _deletable(principal))
    if refused or not _deletable(principal):
        what = f"a {refused[0]}" if refused else "anything"
        raise ForbiddenError(
            f"{principal.name!r} may not prune {what};"
            " ask a network-admin for the role that may, or leave prune out"
        )


def pruned(
    tx: Transaction, principal: Principal, prune: Prune, spared: Collection[Ref]
) -> list[Removal]:
    """In the order of kinds, then of projects and names; one query for each kind."""
    kinds = prune.kinds or _deletable(principal)
    found = [
        Removal(each.ref, pointer=prune.pointer)
        for kind in Kind
        if kind in kinds
        for each in read_labelled(tx, kind, _projects(principal, kind), prune.labels)
        if each.ref not in spared and prune.matches(each.labels)
    ]
    return without_foreign_ports(tx, principal, found)


def _deletable(principal: Principal) -> frozenset[Kind]:
    projects = principal.projects
    somewhere = next(iter(projects or ()), DEFAULT_PROJECT)
    return frozenset(kind for kind in Kind if may(principal, Verb.WRITE, kind, somewhere))


def _projects(principal: Principal, kind: Kind) -> frozenset[str] | None:
    return principal.projects if kind in PROJECT_KINDS else None
