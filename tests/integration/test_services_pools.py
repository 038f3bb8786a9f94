"""Pools and zones, through the services and a real database."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import psycopg
import pytest

from controller.auth import Role
from controller.domain.allocation import Range, choose_values
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
from controller.domain.validation.pools import Demand, Demands
from controller.services import pools, queries
from controller.store.engine import Database
from controller.store.pools import find_free
from tests.support.api import Api
from tests.support.manifests import ADMIN, apply, bridge, host, port, remove, segment, tunnel

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
    both = (
        vteps("four", "192.0.2.1-192.0.2.3", quarantine_s=60),
        vteps("six", "2001:db8::1-2001:db8::ff"),
    )
    apply(db, *both, zone("z", vtep_pool="four"), host(2))
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


async def test_a_pool_tells_who_has_its_values_and_names_nobody_of_other_projects(
    api: Api, db: Database
) -> None:
    api.add_projects("blue", "red")
    apply(
        db,
        vnis("low", "100-109", quarantine_s=60),
        segment("a", "red", vni_pool="low"),
        segment("b", "blue", vni_pool="low"),
        segment("c", "blue", vni_pool="low"),
        host(1),
        host(2),
        bridge("b1", "h1"),
        bridge("b2", "h2"),
        tunnel("t", "h1/b1", "h2/b2", key=109),
    )
    remove(db, segment("c", "blue"))
    async with api.client(api.token(Role.VIEWER, "blue")) as viewer:
        answer = await viewer.get("/v1/pools/low/usage", params={"page_size": 3})
        first = answer.json()
        rest = await viewer.get(
            "/v1/pools/low/usage", params={"page_token": first["next_page_token"]}
        )
    counts = {name: first[name] for name in ("total", "used", "quarantined", "free")}
    assert counts == {"total": 10, "used": 3, "quarantined": 1, "free": 6}
    found = [*first["allocations"], *rest.json()["allocations"]]
    assert [(a["value"], a["kind"], a["name"], a["is_released"]) for a in found] == [
        ("100", "Segment", None, False),
        ("101", "Segment", "b", False),
        ("102", "Segment", "c", True),
        ("109", "Tunnel", "t", False),
    ]


def test_a_pool_of_addresses_counts_hosts_and_tunnel_ends_and_what_it_keeps_back(
    db: Database,
) -> None:
    apply(db, vteps("four", "192.0.2.0-192.0.2.255", quarantine_s=60), host(7), host(8), host(9))
    remove(db, host(8))
    apply(db, bridge("b7", "h7"), tunnel("t", "h7/b7", "192.0.2.77"))
    apply(db, segment("outward", external_vteps=("192.0.2.78",)))
    used = pools.usage(db, ADMIN, "four", page_size=10)
    assert (used.total, used.used, used.quarantined, used.free) == (256, 4, 1, 251)
    assert [(a.value, a.kind, a.name, a.is_released) for a in used.allocations] == [
        ("192.0.2.7", Kind.HOST, "h7", False),
        ("192.0.2.8", Kind.HOST, "h8", True),
        ("192.0.2.9", Kind.HOST, "h9", False),
        ("192.0.2.77", Kind.TUNNEL, "t", False),
        ("192.0.2.78", Kind.SEGMENT, "outward", False),
    ]


async def test_hosts_are_listed_by_group_and_by_state(api: Api, db: Database) -> None:
    group = Manifest(Ref(Kind.HOST_GROUP, DEFAULT_PROJECT, "r1"), HostGroupSpec("rack=r1,!spare"))
    apply(
        db,
        group,
        replace(host(1), labels={"rack": "r1"}),
        replace(host(2), labels={"rack": "r1", "spare": ""}),
        replace(host(3), labels={"rack": "r2"}),
    )
    apply(db, host(4, state=Lifecycle.MAINTENANCE))
    async with api.admin as admin:
        halted = await admin.get("/v1/hosts", params={"filter": 'spec.state = "maintenance"'})
        assert [item["spec"]["state"] for item in halted.json()["items"]] == ["maintenance"]
        answer = await admin.get("/v1/host-groups/r1/hosts")
        assert [item["metadata"]["name"] for item in answer.json()["items"]] == ["h1"]
        apply(db, replace(host(3), labels={"rack": "r1"}))
        page = await admin.get("/v1/host-groups/r1/hosts", params={"page_size": 1})
        token = page.json()["next_page_token"]
        last = await admin.get("/v1/host-groups/r1/hosts", params={"page_token": token})
        assert [item["metadata"]["name"] for item in last.json()["items"]] == ["h3"]


def test_narrowing_a_pool_below_what_is_in_use_is_done_and_warned_of(db: Database) -> None:
    apply(db, vnis("low", "100-109"), segment("a", vni_pool="low"), segment("b", vni=105))
    (warning,) = apply(db, vnis("low", "101-104")).warnings
    assert (warning.code, warning.detail[:2]) == ("allocated_outside_pool", "2 ")
    assert vni_of(db, "a") == 100


def test_zones_and_pools_that_are_in_use_cannot_be_deleted(db: Database) -> None:
    used = (vnis("low", "1-9"), vteps("four", "192.0.2.128-192.0.2.255"), zone("z"))
    apply(db, *used, host(1, zones=("z",), vtep_pool="four"), segment("a", zone="z"))
    apply(db, segment("b", vni_pool="low"))
    for manifest in used:
        with pytest.raises(ConflictError, match="still used by"):
            remove(db, manifest)
    remove(db, *used, host(1), segment("a"), segment("b"))


def test_a_segment_s_zone_holds_for_hosts_that_the_change_does_not_touch(db: Database) -> None:
    apply(db, zone("z"), zone("y"), host(1, zones=("z", "y")), host(2, zones=("z",)))
    apply(
        db,
        segment("a", zone="z"),
        port("p1", "h1", segment="a"),
        port("p2", "h2", segment="a"),
    )
    with pytest.raises(ConflictError, match="'h2' is not") as caught:
        apply(db, segment("a", zone="y"))
    assert [v.code for v in caught.value.violations] == ["host_not_in_zone"]
    remove(db, port("p2", "h2"))
    apply(db, segment("a", zone="y"))
    assert refused(db, port("p2", "h2", segment="a")) == ["host_not_in_zone"]
    assert refused(db, host(1, zones=("z",))) == ["host_not_in_zone"]


# --- what is free --------------------------------------------------------------------------------


def test_the_database_finds_the_same_values_free_as_the_model(db: Database) -> None:
    choice = random.Random(7)  # noqa: S311 (the same each time)
    taken = choice.sample(range(1, 121), 60)
    apply(db, *(segment(f"s{vni}", vni=vni) for vni in taken[:50]))
    apply(db, *(host(vni) for vni in taken[50:]), bridge("b1", f"h{taken[50]}"))
    apply(db, tunnel("t", f"h{taken[50]}/b1", "192.0.2.200", key=7_000))
    apply(db, segment("outward", external_vteps=("192.0.2.201",)))
    addresses = {int(ip_address(f"192.0.2.{number}")) for number in [*taken[50:], 200, 201]}
    with db.snapshot() as tx:
        for _ in range(25):
            cuts = sorted(choice.sample(range(1, 250), 8))
            pairs = list(zip(cuts[::2], cuts[1::2], strict=True))
            wanted = {name: choice.randrange(1, 90) for name in "pq"}
            halves = {"p": pairs[:2], "q": pairs[2:]}
            base = int(ip_address("192.0.2.0"))
            vni_ranges = {k: tuple(Range(0, a, b) for a, b in v) for k, v in halves.items()}
            ip_ranges = {
                k: tuple(Range(4, base + a, base + b) for a, b in v) for k, v in halves.items()
            }
            free = find_free(
                tx,
                Demands(
                    vnis={k: Demand(r, wanted[k]) for k, r in vni_ranges.items()},
                    vteps={k: Demand(r, wanted[k]) for k, r in ip_ranges.items()},
                ),
            )
            for name in "pq":
                numbers = choose_values(taken[:50], wanted[name], vni_ranges[name])
                assert free.pooled_vnis[name] == numbers
                words = choose_values(addresses, wanted[name], ip_ranges[name])
                assert free.pooled_vteps[name] == tuple(str(ip_address(word)) for word in words)


def test_writers_at_once_are_given_each_value_of_their_pools_once(db: Database) -> None:
    apply(db, vnis("p", "1-20", "101-112"), vnis("q", "21-52"))
    apply(db, vteps("four", "192.0.2.1-192.0.2.32"))

    def write(writer: int) -> None:
        for turn in range(2):
            name = f"{writer}-{turn}"
            ref = Ref(Kind.HOST, DEFAULT_PROJECT, f"host-{name}")
            apply(
                db,
                segment(f"p-{name}", vni_pool="p"),
                segment(f"q-{name}", vni_pool="q"),
                Manifest(ref, HostSpec(vtep_pool="four")),
            )

    with ThreadPoolExecutor(16) as writers:
        list(writers.map(write, range(16)))
    for name, total in (("p", 32), ("q", 32), ("four", 32)):
        used = pools.usage(db, ADMIN, name, page_size=100)
        assert (used.total, used.used, used.free) == (total, total, 0)
        assert len({each.name for each in used.allocations}) == total
