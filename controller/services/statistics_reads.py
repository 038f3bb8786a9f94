"""Rates of ports, tunnels, segments and hosts over time, for people and charts.

Owns nothing. One read-only snapshot with a number of queries that does not depend on how much is
read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.auth import Principal
from controller.domain.errors import NotFoundError
from controller.domain.intent import DEFAULT_PROJECT, Kind, Object
from controller.domain.statistics import COUNTERS, Grid, Window, grid
from controller.services.queries import find
from controller.services.statistics_lines import Line, line_of_subject, lines
from controller.store.engine import Database, Transaction
from controller.store.statistics.reading import Point, all_told_until, read_rates


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    host: str | None
    """None: of more than one."""
    device: str | None
    """As it is called on the host; None where it has no name, or is more than one."""
    rates: Mapping[str, list[float | None]]
    """Per second by counter, for those that there are; None in buckets without data."""


@dataclass(frozen=True, slots=True)
class Statistics:
    object: Object
    grid: Grid
    series: tuple[Series, ...]


def read_statistics(
    db: Database,
    principal: Principal,
    kind: Kind,
    ref: str,
    asked: Window,
    *,
    project: str = DEFAULT_PROJECT,
    now: datetime,
) -> Statistics:
    """Of an object by name or uid; NotFoundError when there is none within reach. InvalidError:
    more points than an answer has."""
    with db.snapshot() as tx:
        found = find(tx, principal, kind, project, ref).object
        return _read(tx, found, lines(tx, principal, found, asked.start), asked, now)


def read_subject_statistics(
    db: Database, principal: Principal, host_ref: str, subject: str, asked: Window, *, now: datetime
) -> Statistics:
    """Of one thing that a host counts for; NotFoundError when there is none within reach."""
    with db.snapshot() as tx:
        host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref).object
        line = line_of_subject(tx, principal, host, subject)
        if line is None:
            raise NotFoundError(f"host {host.name!r} counts nothing of {subject!r}")
        return _read(tx, host, [line], asked, now)


def _read(
    tx: Transaction, of: Object, wanted: list[Line], asked: Window, now: datetime
) -> Statistics:
    subjects = {id_: number for number, line in enumerate(wanted) for id_ in line.ids}
    chosen = grid(asked, len(subjects), now=now)
    rates: list[dict[str, list[float | None]]] = [{} for _ in wanted]
    _fill(rates, read_rates(tx, chosen, subjects), chosen.points)
    for line, of_line in zip(wanted, rates, strict=True):
        if line.host is None and line.ids:
            until = all_told_until(tx, line.ids, chosen.resolution, now)
            _leave_out(of_line, chosen, until)
    series = tuple(
        Series(line.name, line.host, line.device, found)
        for line, found in zip(wanted, rates, strict=True)
        if found or not line.is_optional
    )
    return Statistics(of, chosen, series)


def _fill(rates: list[dict[str, list[float | None]]], points: Iterable[Point], length: int) -> None:
    for point in points:
        of_series = rates[point.series]
        for name, rate in zip(COUNTERS, point.rates, strict=True):
            if rate is not None:
                of_series.setdefault(name, [None] * length)[point.bucket] = rate


def _leave_out(
    of_series: dict[str, list[float | None]], grid: Grid, until: datetime | None
) -> None:
    """Buckets that some hosts told of already and others not yet: their sum is of nobody."""
    if until is None or until >= grid.end:
        return
    first = max(0, (until - grid.start) // grid.step)
    for rates in of_series.values():
        rates[first:] = [None] * (len(rates) - first)
