"""The fleet at a glance, in one snapshot and with a fixed number of queries. Owns nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.auth import Principal
from controller.domain.allocation import LOCAL_VLANS, ranges_of
from controller.domain.definitions import PoolSpec, PoolType
from controller.domain.intent import Kind
from controller.domain.status import Phase
from controller.services import attention
from controller.services.queries import count_phases
from controller.store import overview as rows
from controller.store.engine import Database, Transaction
from controller.store.fleet import FleetState, read_fleet
from controller.store.overview import HostCounts

_UNITS = {PoolType.VNI: "VNIs", PoolType.VTEP: "addresses"}


@dataclass(frozen=True, slots=True)
class Capacity:
    """Something that runs out."""

    id: str
    title: str
    used: int
    quarantined: int
    """Released, and not free again yet."""
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class Overview:
    fleet: FleetState
    phases: Mapping[Kind, Mapping[Phase, int]]
    hosts: HostCounts
    attention: int
    capacity: tuple[Capacity, ...]


def overview(
    db: Database, principal: Principal, kinds: Iterable[Kind], *, now: datetime
) -> Overview:
    """``kinds`` are those whose objects are counted by phase."""
    with db.snapshot() as tx:
        return Overview(
            fleet=read_fleet(tx),
            phases={kind: count_phases(tx, principal, kind) for kind in kinds},
            hosts=rows.count_hosts(tx),
            attention=attention.count(tx, principal, now),
            capacity=(*_pools(tx), *_local_vlans(tx)),
        )


def _pools(tx: Transaction) -> Iterator[Capacity]:
    pools = [(each.name, each.spec) for each in rows.read_pools(tx)]
    known = [(name, spec, ranges_of(spec)) for name, spec in pools if isinstance(spec, PoolSpec)]
    counts = rows.count_pools(tx, [ranges for *_, ranges in known])
    for (name, spec, ranges), counted in zip(known, counts, strict=True):
        yield Capacity(
            id=f"pool:{name}",
            title=f"Pool {name}",
            used=counted.used,
            quarantined=counted.released,
            total=sum(each.size for each in ranges),
            unit=_UNITS[spec.type],
        )


def _local_vlans(tx: Transaction) -> Iterator[Capacity]:
    """Each segment of a host takes one there."""
    fullest = rows.fullest_bridge(tx)
    if fullest is not None:
        yield Capacity(
            id="local_vlans",
            title=f"Local VLANs of {fullest.bridge} on host {fullest.host}, the fullest",
            used=fullest.used,
            quarantined=fullest.released,
            total=len(LOCAL_VLANS),
            unit="VLANs",
        )
