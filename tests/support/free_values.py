"""What is free in the pools of a fleet in memory: the model of ``store.pools``."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Any

from controller.domain.allocation import choose_values, contains
from controller.domain.intent import HostSpec, Object, Ref, SegmentSpec, TunnelSpec
from controller.domain.validation import Wanted
from controller.domain.validation.pools import Demand, demands


def free_values(
    want: Wanted, objects: Mapping[Ref, Object], numbers: Collection[int]
) -> dict[str, Any]:
    """Return the fields of ``World`` that tell what can be given out."""
    asked = demands(want.takers, objects.values())
    vteps = _vteps(objects)

    def addresses(demand: Demand) -> tuple[str, ...]:
        taken = {number for family, number in vteps if family == demand.ranges[0].family}
        found = choose_values(taken, demand.count, demand.ranges)
        return tuple(demand.ranges[0].word(number) for number in found)

    in_use = {*vteps, *((0, number) for number in numbers)}
    return {
        "free_vnis": _chosen(numbers, asked.unpooled),
        "pooled_vnis": {pool: _chosen(numbers, d) for pool, d in asked.vnis.items()},
        "pooled_vteps": {pool: addresses(d) for pool, d in asked.vteps.items() if d.ranges},
        "outside_pools": {
            pool: sum(contains(ranges, *value) for value in in_use)
            for pool, ranges in asked.narrowed.items()
        },
    }


def _chosen(taken: Collection[int], demand: Demand) -> tuple[int, ...]:
    return choose_values(taken, demand.count, demand.ranges)


def _vteps(objects: Mapping[Ref, Object]) -> set[tuple[int, int]]:
    found: list[str] = []
    for spec in (each.spec for each in objects.values()):
        if isinstance(spec, HostSpec):
            found += (*spec.vteps, *spec.former_vteps)
        if isinstance(spec, SegmentSpec):
            found += spec.external_vteps
        if isinstance(spec, TunnelSpec):
            found += [end.ip for end in spec.ends if end.ip is not None]
    addresses = [ipaddress.ip_address(each) for each in found]
    return {(address.version, int(address)) for address in addresses}
