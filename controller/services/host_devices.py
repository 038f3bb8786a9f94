"""Who may give ports devices of their hosts, and take them away again: network-admins alone.

Owns nothing. Asked of a port as it is as well as of what it is to become, because whoever could
delete one would cut off what other projects reach through it. A bound port is theirs too: with
the iface-id of another project's guest it would pull that guest into its segment.
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
    Removal,
    takes_from_host,
)
from controller.store.engine import Transaction
from controller.store.objects import fetch_refs


def authorise_ports(principal: Principal, ports: Iterable[Manifest | Object]) -> None:
    """ForbiddenError for the first of them, as asked for or as it is, that is not theirs."""
    if _may_take(principal):
        return
    for port in ports:
        if takes_from_host(port.spec):
            raise ForbiddenError(
                f"{principal.name!r} may not make, change or delete Port {port.ref.name!r}: devices"
                " of a host, what joins its bridges and what hypervisors plug are the"
                " network-admin's; ask one, or choose another port or type"
            )


def without_foreign_ports(
    tx: Transaction, principal: Principal, removals: list[Removal]
) -> list[Removal]:
    """Those that the principal may carry out."""
    if _may_take(principal):
        return removals
    found = fetch_refs(tx, [removal.ref for removal in removals])
    kept = {port.ref for port in found if takes_from_host(port.spec)}
    return [removal for removal in removals if removal.ref not in kept]


def _may_take(principal: Principal) -> bool:
    return may(principal, Verb.WRITE, Kind.BRIDGE, DEFAULT_PROJECT)
