"""Pools: which one a value is given out of, what the loader must find free, and their own rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from controller.domain.allocation import (
    VNI_POOL,
    Range,
    contains,
    overlap,
    parse_range,
    ranges_of,
    without,
)
from controller.domain.definitions import PoolSpec, PoolType, TransportZoneSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    HostSpec,
    Kind,
    Manifest,
    Object,
    Ref,
    SegmentSpec,
    Spec,
    TunnelSpec,
)
from controller.domain.validation import fields
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.references import number_of, vteps_of
from controller.domain.validation.world import Draft

_MAX_RANGES = 16
_MAX_QUARANTINE_S = 2_592_000
"""30 days."""
_MAX_ADDRESSES = 2**24
"""In one range: none can then reach across addresses that no VTEP can have."""


# --- which pool ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Definitions:
    """The pools and zones as a change would leave them, by name."""

    pools: Mapping[str, PoolSpec]
    zones: Mapping[str, TransportZoneSpec]

    def vni_pool(self, segment: SegmentSpec) -> str | None:
        """Name the pool that a segment takes its VNI from; None: what is in no pool."""
        if segment.vni_pool is not None or segment.zone is None:
            return segment.vni_pool
        zone = self.zones.get(segment.zone)
        return zone.vni_pool if zone else None

    def vtep_pool(self, host: HostSpec) -> str | None:
        """Name the pool that a host without a VTEP takes one from; None: it gets none."""
        if host.vtep_pool is not None:
            return host.vtep_pool
        zones = (self.zones[name] for name in host.zones if name in self.zones)
        return next((zone.vtep_pool for zone in zones if zone.vtep_pool is not None), None)

    def ranges(self, pool: str, of: PoolType) -> tuple[Range, ...]:
        """Return those that values can be given out of; the rules name the others."""
        spec = self.pools.get(pool)
        ranges = ranges_of(spec) if spec is not None and spec.type is of else ()
        return tuple(each for each in ranges if _value_fault(of, each) is None)


def definitions_in(specs: Iterable[tuple[Ref, Spec]]) -> Definitions:
    """Of several with one name the last counts."""
    pools: dict[str, PoolSpec] = {}
    zones: dict[str, TransportZoneSpec] = {}
    for ref, spec in specs:
        if isinstance(spec, PoolSpec):
            pools[ref.name] = spec
        if isinstance(spec, TransportZoneSpec):
            zones[ref.name] = spec
    return Definitions(pools, zones)


# --- what the loader must find -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Demand:
    """How many free values of these ranges the plan may need."""

    ranges: tuple[Range, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Demands:
    unpooled: Demand = Demand((VNI_POOL,), 0)
    """VNIs that are in no pool."""
    vnis: Mapping[str, Demand] = field(default_factory=dict)
    """By pool, for segments that name no VNI."""
    vteps: Mapping[str, Demand] = field(default_factory=dict)
    """By pool, for hosts that name no VTEP."""
    narrowed: Mapping[str, tuple[Range, ...]] = field(default_factory=dict)
    """By pool, what the request takes out of it."""


def demands(manifests: Sequence[Manifest], current: Iterable[Object]) -> Demands:
    """``current`` holds every Pool and the zones that the request names."""
    stored = [(found.ref, found.spec) for found in current]
    before = definitions_in(stored)
    after = definitions_in([*stored, *((m.ref, m.spec) for m in manifests)])
    vnis: Counter[str] = Counter()
    vteps: Counter[str] = Counter()
    for spec in (m.spec for m in manifests):
        if isinstance(spec, SegmentSpec) and spec.vni is None and (pool := after.vni_pool(spec)):
            vnis[pool] += 1
        if isinstance(spec, HostSpec) and not spec.vteps and (pool := after.vtep_pool(spec)):
            vteps[pool] += 1
    return Demands(
        unpooled=_unpooled(manifests, after),
        vnis=_demanded(vnis, after, PoolType.VNI, list(_asked_vnis(manifests))),
        vteps=_demanded(vteps, after, PoolType.VTEP, list(_asked_vteps(manifests))),
        narrowed={
            name: taken_out
            for name, spec in before.pools.items()
            if (taken_out := without(ranges_of(spec), after.ranges(name, spec.type)))
        },
    )


def _unpooled(manifests: Sequence[Manifest], after: Definitions) -> Demand:
    pooled = [r for name in after.pools for r in after.ranges(name, PoolType.VNI)]
    count = sum(isinstance(m.spec, SegmentSpec | TunnelSpec) for m in manifests)
    return Demand(without((VNI_POOL,), pooled) if count else (), count)


def _demanded(
    takers: Mapping[str, int], after: Definitions, of: PoolType, asked: Sequence[tuple[int, int]]
) -> dict[str, Demand]:
    """A neighbour in the request may name what would be given out, so that more must be found."""
    found: dict[str, Demand] = {}
    for pool, count in takers.items():
        ranges = after.ranges(pool, of)
        named = sum(contains(ranges, family, value) for family, value in asked)
        found[pool] = Demand(ranges, count + named)
    return found


def _asked_vnis(manifests: Iterable[Manifest]) -> Iterator[tuple[int, int]]:
    numbers = (number_of(m.spec) for m in manifests)
    return ((0, number) for number in numbers if number is not None)


def _asked_vteps(manifests: Iterable[Manifest]) -> Iterator[tuple[int, int]]:
    for address in (vtep for m in manifests for vtep in vteps_of(m.spec)):
        found = parse_range(PoolType.VTEP, address)
        if found is not None:
            yield found.family, found.first


# --- rules ---------------------------------------------------------------------------------------


def check_pools(after: After, faults: Faults) -> None:
    """Check the pools that the request writes, and what refers to a pool of another type."""
    written = [(d, d.spec) for d in after.drafts.values() if isinstance(d.spec, PoolSpec)]
    for draft, spec in written:
        _check_spec(spec, f"{draft.pointer}/spec", faults)
        _check_others(draft, spec, after, faults)
        _warn_of_narrowing(draft, after, faults)
    for draft in after.drafts.values():
        _check_types(draft, after, faults)


def _check_spec(spec: PoolSpec, at: str, faults: Faults) -> None:
    if not 0 <= spec.quarantine_s <= _MAX_QUARANTINE_S:
        faults.invalid(
            f"{at}/quarantine_s",
            "quarantine_out_of_range",
            f"{spec.quarantine_s} seconds",
            f"use 0 to {_MAX_QUARANTINE_S} (30 days)",
        )
    if not 1 <= len(spec.ranges) <= _MAX_RANGES:
        faults.invalid(
            f"{at}/ranges",
            "pool_range_count",
            f"the pool has {len(spec.ranges)} ranges",
            f"give it 1 to {_MAX_RANGES}, and the rest to another pool",
        )
    for index, text in enumerate(spec.ranges):
        if fault := _range_fault(spec.type, text):
            faults.invalid(f"{at}/ranges/{index}", *fault)
    _check_among_themselves(spec, at, faults)


def _range_fault(of: PoolType, text: str) -> fields.Fault | None:
    found = parse_range(of, text)
    if found is None:
        what = "VNIs" if of is PoolType.VNI else "addresses of one family"
        return fields.Fault(
            "invalid_pool_range",
            f"{text!r} is not a range of {what}",
            "write first-last, with the smaller one first, or one value alone",
        )
    return _value_fault(of, found)


def _value_fault(of: PoolType, found: Range) -> fields.Fault | None:
    if of is PoolType.VNI:
        return fields.vni(found.first) or fields.vni(found.last)
    if found.size > _MAX_ADDRESSES:
        return fields.Fault(
            "pool_range_too_large",
            f"{str(found)!r} has {found.size} addresses",
            f"keep at most {_MAX_ADDRESSES} in one range",
        )
    return fields.vtep(found.word(found.first)) or fields.vtep(found.word(found.last))


def _check_among_themselves(spec: PoolSpec, at: str, faults: Faults) -> None:
    read = [(index, parse_range(spec.type, text)) for index, text in enumerate(spec.ranges)]
    ranges = [(index, found) for index, found in read[:_MAX_RANGES] if found is not None]
    for (_, one), (index, other) in combinations(ranges, 2):
        if overlap(one, other):
            faults.invalid(
                f"{at}/ranges/{index}",
                "pool_ranges_overlap",
                f"{other} overlaps {one}",
                "name each value once",
            )
        if one.family != other.family:
            faults.invalid(
                f"{at}/ranges/{index}",
                "pool_families_mixed",
                f"{other} is not of the family of {one}",
                "give the addresses of each family a pool of their own",
            )


def _check_others(draft: Draft, spec: PoolSpec, after: After, faults: Faults) -> None:
    """Two pools of one type would give out one value twice, or count it twice."""
    mine = ranges_of(spec)
    for other in after.entries.values():
        if not isinstance(other.spec, PoolSpec) or other.ref == draft.ref:
            continue
        clash = (r for r in ranges_of(other.spec) if any(overlap(r, own) for own in mine))
        if other.spec.type is spec.type and (found := next(clash, None)) is not None:
            faults.conflict(
                f"{draft.pointer}/spec/ranges",
                "pool_overlap",
                f"Pool {other.ref.name!r} has {found} already",
                "leave that out here, or take it out of the other pool in the same request",
            )


def _warn_of_narrowing(draft: Draft, after: After, faults: Faults) -> None:
    number = after.world.outside_pools.get(draft.ref.name, 0)
    if number:
        faults.warn(
            f"{draft.pointer}/spec/ranges",
            "allocated_outside_pool",
            f"{number} values that the new ranges leave out are in use; they stay as they are",
            "widen the ranges again, or give other values to what has them",
        )


def _check_types(draft: Draft, after: After, faults: Faults) -> None:
    for name, of, place in _uses(draft.spec):
        entry = after.entries.get(Ref(Kind.POOL, DEFAULT_PROJECT, name))
        if entry is not None and isinstance(entry.spec, PoolSpec) and entry.spec.type is not of:
            faults.invalid(
                f"{draft.pointer}/spec/{place}",
                "wrong_pool_type",
                f"Pool {name!r} is of type {entry.spec.type}",
                f"name a Pool of type {of}",
            )


def _uses(spec: Spec) -> Iterator[tuple[str, PoolType, str]]:
    if isinstance(spec, TransportZoneSpec | SegmentSpec) and spec.vni_pool is not None:
        yield spec.vni_pool, PoolType.VNI, "vni_pool"
    if isinstance(spec, TransportZoneSpec | HostSpec) and spec.vtep_pool is not None:
        yield spec.vtep_pool, PoolType.VTEP, "vtep_pool"
