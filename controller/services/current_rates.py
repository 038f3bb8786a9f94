"""How much passes through a host at present, by everything that counts there.

One read for all of a host's ports and tunnels, so that a page that shows them asks once. Owns
nothing; must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controller.auth import PROJECT_KINDS, Principal, reaches
from controller.domain.intent import DEFAULT_PROJECT, Kind, Ref
from controller.domain.statistics import COUNTERS, GAP
from controller.services.queries import find, inspects
from controller.store.engine import Database, Transaction
from controller.store.listing import read_refs
from controller.store.statistics.current import Current, read_current


@dataclass(frozen=True, slots=True)
class CurrentRate:
    subject: str
    """Resource id, or ``device:<name>`` (``ovsfleet/v1/stats.proto``)."""
    sampled_at: datetime
    rates: Mapping[str, float]
    """Per second, of the counters that there are; names as in ``COUNTERS``."""


def current_rates(
    db: Database, principal: Principal, host_ref: str, *, now: datetime
) -> tuple[CurrentRate, ...]:
    """Of everything on the host (by name or uid) that was heard of lately."""
    with db.snapshot() as tx:
        host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref).object
        found = read_current(tx, host.uid, now - GAP)
        if not inspects(principal):
            found = _within_reach(tx, principal, found)
    return tuple(_rate(current) for current in found)


def _within_reach(tx: Transaction, principal: Principal, found: Iterable[Current]) -> list[Current]:
    """What a device carries belongs to all of the host's projects, so it is for nobody of one."""
    owned = [(current, uid) for current in found if (uid := _object_of(current.subject))]
    refs = read_refs(tx, {uid for _, uid in owned})
    return [current for current, uid in owned if _is_within_reach(principal, refs.get(uid))]


def _is_within_reach(principal: Principal, ref: Ref | None) -> bool:
    if ref is None:
        return False
    return ref.kind not in PROJECT_KINDS or reaches(principal, ref.project)


def _object_of(subject: str) -> UUID | None:
    """``tunnel:<segment_uid>/<host_uid>`` belongs to the segment."""
    try:
        return UUID(subject.partition(":")[2].partition("/")[0])
    except ValueError:
        return None


def _rate(current: Current) -> CurrentRate:
    rates = {
        name: float(increment) / current.seconds
        for name, increment in zip(COUNTERS, current.increments, strict=True)
        if increment is not None
    }
    return CurrentRate(current.subject, current.sampled_at, rates)
