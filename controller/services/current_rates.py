"""How much passes through a host at present, by everything that counts there.

One read for all of a host's ports and tunnels, so that a page that shows them asks once. Owns
nothing; must not show a principal what lies outside its projects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.auth import Principal
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.domain.statistics import COUNTERS, GAP
from controller.services.queries import find
from controller.services.statistics_lines import within_reach
from controller.store.engine import Database
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
        seen = within_reach(tx, principal, [current.subject for current in found])
    return tuple(_rate(current) for current in found if current.subject in seen)


def _rate(current: Current) -> CurrentRate:
    rates = {
        name: float(increment) / current.seconds
        for name, increment in zip(COUNTERS, current.increments, strict=True)
        if increment is not None
    }
    return CurrentRate(current.subject, current.sampled_at, rates)
