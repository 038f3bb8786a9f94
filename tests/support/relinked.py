"""Which tunnels of segments may have gone though both of their hosts stay: the store's model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from controller.domain.intent import Object, PortSpec, SegmentSpec
from tests.support.world_slice import segment_of

Relinked = tuple[frozenset[UUID], frozenset[tuple[UUID, str]]]
"""The segments, and the outside VTEPs that they had."""


def relinked(current: Iterable[Object], closed: Sequence[Object], confirmed: int) -> Relinked:
    """``closed`` are the versions that were closed after ``confirmed``."""
    there = list(current)
    versions = [(o, o.spec) for o in (*there, *closed) if isinstance(o.spec, SegmentSpec)]
    remade = {o.uid for o in closed if isinstance(o.spec, SegmentSpec)}
    changed = {o.uid for o, spec in versions if o.uid in remade and _says_something(spec)}
    ports = [*closed, *(o for o in there if o.revision > confirmed)]
    moved = {(segment_of(o), o.spec.host) for o in ports if isinstance(o.spec, PortSpec)}
    changed |= {o.uid for o, spec in versions if any((o.ref, hub) in moved for hub in spec.hubs)}
    of_changed = [(o.uid, spec) for o, spec in versions if o.uid in changed]
    vteps = {(uid, vtep) for uid, spec in of_changed for vtep in spec.external_vteps}
    return frozenset(changed), frozenset(vteps)


def _says_something(spec: SegmentSpec) -> bool:
    plain = SegmentSpec()
    said = replace(spec, topology=plain.topology, hubs=(), links=(), external_vteps=(), subnets=())
    return said != spec or spec.arp_mode is not plain.arp_mode or spec.provider_loop_safe
