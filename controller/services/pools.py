"""What is in use of a pool, and what is free. Owns nothing, and reads in one snapshot.

Must not name to a principal what of other projects has a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.auth import PROJECT_KINDS, Principal, reaches
from controller.domain.allocation import parse_range, ranges_of
from controller.domain.definitions import PoolSpec
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services.queries import find
from controller.store import pool_usage
from controller.store.engine import Database
from controller.store.fleet import read_fleet
from controller.store.pool_usage import Holder


@dataclass(frozen=True, slots=True)
class Allocation:
    value: str
    kind: Kind
    name: str | None
    """None, like ``project``, for what is outside of the principal's reach."""
    project: str | None
    since: datetime
    is_released: bool
    """Whether nothing has it any more, and it is not free again yet."""


@dataclass(frozen=True, slots=True)
class Usage:
    total: int
    used: int
    quarantined: int
    """Released, and held back by the pool's quarantine or until hosts have confirmed."""
    allocations: tuple[Allocation, ...]
    """A page, in the order of the values."""
    next_after: str
    """Give it as ``after`` for the next page; empty on the last."""
    revision: int

    @property
    def free(self) -> int:
        return self.total - self.used - self.quarantined


def usage(
    db: Database, principal: Principal, pool_ref: str, *, page_size: int, after: str = ""
) -> Usage:
    """Of a pool by name or uid; NotFoundError when there is none."""
    with db.snapshot() as tx:
        pool = find(tx, principal, Kind.POOL, DEFAULT_PROJECT, pool_ref).object
        assert isinstance(pool.spec, PoolSpec)  # noqa: S101 (its kind says so)
        ranges = ranges_of(pool.spec)
        counts = pool_usage.count(tx, ranges)
        # A pool of this name may have been of another type when the page before was read.
        start = after if parse_range(pool.spec.type, after) else None
        rows = pool_usage.read_page(tx, ranges, limit=page_size + 1, after=start)
        revision = read_fleet(tx).revision
    shown = rows[:page_size]
    return Usage(
        total=sum(each.size for each in ranges),
        used=counts.used,
        quarantined=counts.released,
        allocations=tuple(_allocation(principal, row) for row in shown),
        next_after=shown[-1].value if len(rows) > page_size else "",
        revision=revision,
    )


def _allocation(principal: Principal, row: Holder) -> Allocation:
    may_see = row.kind not in PROJECT_KINDS or reaches(principal, row.project)
    name, project = (row.name, row.project) if may_see else (None, None)
    return Allocation(row.value, row.kind, name, project, row.since, row.is_released)
