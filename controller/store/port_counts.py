"""How many ports are on each host, so that nobody looks at each of very many to count them.

Reads only. Most ports are as their host is; the others are told apart.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select

from controller.domain.intent import Kind
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.listing import Subject
from controller.store.tables import HostIfaceRow, HostStatusRow, PortRow, ResourceFailureRow


class Alike(NamedTuple):
    """Ports that are as their host is."""

    host_uid: UUID | None
    """None: no hypervisor has plugged them."""
    revision: int
    """Of the newest: the host has applied all of them, or none."""
    ports: int


def count_alike(tx: Transaction, projects: Collection[str] | None) -> list[Alike]:
    port, status = PortRow, HostStatusRow
    is_applied = func.coalesce(status.applied_revision, 0) >= port.valid_from
    query = (
        select(port.host_uid, func.max(port.valid_from), func.count())
        .outerjoin(status, status.host_uid == port.host_uid)
        .where(_visible(projects), ~_is_singular())
        .group_by(port.host_uid, is_applied)
    )
    return [Alike(*found) for found in tx.execute(query)]


def read_singular(tx: Transaction, projects: Collection[str] | None) -> list[Subject]:
    """Those that are on two hosts, that failed, or that were refused where they are plugged."""
    port = PortRow
    query = select(port.uid, port.valid_from, port.host_uid, port.migrating_to_uid)
    return [
        Subject(uid, revision, tuple(host for host in hosts if host is not None))
        for uid, revision, *hosts in tx.execute(query.where(_visible(projects), _is_singular()))
    ]


def _visible(projects: Collection[str] | None) -> ColumnElement[bool]:
    is_there = and_(objects.current(Kind.PORT), objects.once(Kind.PORT))
    if projects is None:
        return is_there
    return and_(is_there, PortRow.project == func.any(list(projects)))


def _is_singular() -> ColumnElement[bool]:
    failure, iface, port = ResourceFailureRow, HostIfaceRow, PortRow
    failed = select(failure.object_uid).where(failure.object_uid.is_not(None))
    refused = select(iface.iface_id).where(iface.refusal.is_not(None))
    is_refused = func.coalesce(port.iface_id.in_(refused), false())
    return or_(port.migrating_to_uid.is_not(None), port.uid.in_(failed), is_refused)
