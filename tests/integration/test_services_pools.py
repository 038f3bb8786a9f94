"""Pools, zones and states of hosts, through the services and a real database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from controller.domain.definitions import HostGroupSpec, PoolSpec, PoolType, TransportZoneSpec
from controller.domain.errors import ConflictError
from controller.domain.intent import (
    DEFAULT_PROJECT,
    HostSpec,
    Kind,
    Lifecycle,
    Manifest,
    Ref,
    SegmentSpec,
)
from controller.domain.status import Phase
from controller.services import changes, desired, queries, status
from controller.services.status import HostReport, Outcome, SessionStart
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def pool(name: str, of: PoolType, *ranges: str, **spec: Any) -> Manifest:
    return Manifest(Ref(Kind.POOL, DEFAULT_PROJECT, name), PoolSpec(of, ranges, **spec))


def vnis(name: str, *ranges: str, **spec: Any) -> Manifest:
    return pool(name, PoolType.VNI, *ranges, **spec)


def vteps(name: str, *ranges: str, **spec: Any) -> Manifest:
    return pool(name, PoolType.VTEP, *ranges, **spec)


def zone(name: str, **spec: Any) -> Manifest:
    return Manifest(Ref(Kind.TRANSPORT_ZONE, DEFAULT_PROJECT, name), TransportZoneSpec(**spec))


def spec_of(db: Database, manifest: Manifest) -> Any:
    ref = manifest.ref
    return queries.get(db, ADMIN, ref.kind, ref.project, ref.name).object.spec


def vni_of(db: Database, name: str) -> int | None:
    spec = spec_of(db, segment(name))
    assert isinstance(spec, SegmentSpec)
    return spec.vni


def vteps_of(db: Database, number: int) -> tuple[str, ...]:
    spec = spec_of(db, host(number))
    assert isinstance(spec, HostSpec)
    return spec.vteps


def refused(db: Database, *manifests: Manifest) -> list[str]:
    with pytest.raises(ConflictError) as caught:
        apply(db, *manifests)
    return [violation.code for violation in caught.value.violations]


def end_quarantine(url: str) -> None:
    with psycopg.connect(url) as connection:
        for table in ("vni_allocation", "vtep_quarantine"):
            connection.execute(f"UPDATE {table} SET quarantined_until = now()")  # noqa: S608


def test_vnis_come_from_the_segment_s_pool_else_its_zone_s_else_from_outside_of_all_pools(
    db: Database,
) -> None:
    apply(
        db,
        vnis("low", "100-101", "50"),
        vnis("first", "10000-10001"),
        zone("z", vni_pool="first"),
        segment("a", vni_pool="low"),
        segment("b", vni_pool="low"),
        segment("c", zone="z"),
        segment("d"),
        segment("e", vni=10_001),
    )
    assert [vni_of(db, name) for name in "abcde"] == [50, 100, 10_000, 10_002, 10_001]
    apply(db, segment("f", zone="z", vni_pool="low"))
    assert vni_of(db, "f") == 101
    with pytest.raises(ConflictError, match="Pool 'low'"):
        apply(db, segment("g", vni_pool="low"))
    assert refused(db, segment("g", zone="z")) == ["vni_pool_exhausted"]


def test_a_released_vni_waits_for_its_quarantine(db: Database, database_url: str) -> None:
    apply(db, vnis("low", "100-101", quarantine_s=3600), segment("a", vni_pool="low"))
    remove(db, segment("a"))
    apply(db, segment("b", vni_pool="low"))
    assert vni_of(db, "b") == 101
    assert refused(db, segment("c", vni=100)) == ["vni_taken"]
    end_quarantine(database_url)
    apply(db, segment("c", vni_pool="low"))
    assert vni_of(db, "c") == 100


def test_a_host_without_a_vtep_is_given_one_and_keeps_it(db: Database, database_url: str) -> None:
    pools = (
        vteps("four", "192.0.2.1-192.0.2.3", quarantine_s=60),
        vteps("six", "2001:db8::1-2001:db8::ff"),
    )
    apply(db, *pools, zone("z", vtep_pool="four"), host(2))
    apply(
        db,
        host(5, vteps=(), zones=("z",)),
        host(6, vteps=(), vtep_pool="four"),
        host(7, vteps=(), zones=("z",), vtep_pool="six"),
    )
    assert [vteps_of(db, number) for number in (5, 6, 7)] == [
        ("192.0.2.1",),
        ("192.0.2.3",),
        ("2001:db8::1",),
    ]
    assert refused(db, host(8, vteps=(), zones=("z",))) == ["vtep_pool_exhausted"]
    apply(db, host(5, vteps=(), zones=("z",), underlay_mtu=1400))
    assert vteps_of(db, 5) == ("192.0.2.1",)
    apply(db, host(5, vteps=(), zones=("z",), vtep_pool="six"))
    assert vteps_of(db, 5) == ("2001:db8::2",)
    assert refused(db, host(8, vteps=(), zones=("z",))) == ["vtep_pool_exhausted"]
    end_quarantine(database_url)
    apply(db, host(8, vteps=(), zones=("z",)))
    assert vteps_of(db, 8) == ("192.0.2.1",)
