"""Who may give ports devices of their hosts, and take them away again: network-admins alone.

Owns nothing. Asked of a port as it is as well as of what it is to become, because whoever could
delete one would cut off what other projects reach through it. A bound port takes one whose projects
are not limited: with the iface-id of another project's guest it would pull that guest into its
segment. Devices of hosts and bridges are of no project, and every network-admin's.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.auth import Principal, Verb, may
from controller.domain.errors import ForbiddenError
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Kind,
    Manifest,
    Object,
    PortSpec,
    PortType,
    Removal,
    Spec,
    takes_from_host,
)
from controller.store.engine import Transaction
from controller.store.objects import fetch_refs


def authorise_ports(principal: Principal, ports: Iterable[Manifest | Object]) -> None:
    """ForbiddenError for the first of them, as asked for or as it is, that is not theirs."""
    for port in ports:
        if not _may_take(principal, port.spec):
            raise ForbiddenError(
                f"{principal.name!r} may not make, change or delete Port {port.ref.name!r}: devices"
                " of a host, what joins its bridges and what hypervisors plug are the"
                " network-admin's, the last of one for all projects; ask one, or choose another"
                " port or type"
            )


def without_foreign_ports(
    tx: Transaction, principal: Principal, removals: list[Removal]
) -> list[Removal]:
    """Those that the principal may carry out."""
    if principal.projects is None and may(principal, Verb.WRITE, Kind.BRIDGE, DEFAULT_PROJECT):
        return removals
    found = fetch_refs(tx, [removal.ref for removal in removals])
    kept = {port.ref for port in found if not _may_take(principal, port.spec)}
    return [removal for removal in removals if removal.ref not in kept]


def _may_take(principal: Principal, spec: Spec) -> bool:
    if not takes_from_host(spec):
        return True
    if (
        isinstance(spec, PortSpec)
        and spec.type is PortType.BOUND
        and principal.projects is not None
    ):
        return False
    return may(principal, Verb.WRITE, Kind.BRIDGE, DEFAULT_PROJECT)
