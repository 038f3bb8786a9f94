"""What a host that changes its VTEP keeps of the one before: the address itself, for a while.

Its peers learn of the change one after the other, and those that are away much later. Until all
have, tunnels from and to the former address stay beside the new ones, wherever two side by side
are no loop: in segments whose topology is ``full``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

from controller.domain.host_vteps import former_vtep_of, vtep_of
from controller.domain.intent import (
    AddressFamily,
    HostSpec,
    Kind,
    PortSpec,
    Ref,
    SegmentSpec,
)
from controller.domain.topology import Topology
from controller.domain.validation.world import Draft, World
from controller.domain.vtep_steps import VtepStep, vtep_step_of


def with_former_vteps(world: World, drafts: Mapping[Ref, Draft]) -> dict[Ref, Draft]:
    """Give the hosts among the drafts the former VTEPs that they keep, get or let go of."""
    moving = {draft.ref.name for draft in drafts.values() if _has_moved(draft)}
    families = _families(world, moving) if moving else {}
    return {ref: _with_former(draft, families.get(ref.name, ())) for ref, draft in drafts.items()}


def _has_moved(draft: Draft) -> bool:
    spec, before = draft.spec, draft.current.spec if draft.current else None
    is_host = isinstance(spec, HostSpec) and isinstance(before, HostSpec)
    return is_host and set(spec.vteps) != set(before.vteps)  # type: ignore[union-attr]


def _families(world: World, hosts: Collection[str]) -> Mapping[str, Collection[AddressFamily]]:
    """By host, of which families there are segments that it may have tunnels of now."""
    found: dict[str, set[AddressFamily]] = defaultdict(set)
    for ref, port in world.objects.items():
        if isinstance(port.spec, PortSpec) and port.spec.segment:
            segment = world.objects.get(Ref(Kind.SEGMENT, ref.project, port.spec.segment))
            spec = segment.spec if segment else None
            if isinstance(spec, SegmentSpec) and spec.topology is Topology.FULL:
                for name in set(hosts).intersection(port.spec.hosts):
                    found[name].add(spec.address_family)
    return found


def _with_former(draft: Draft, families: Collection[AddressFamily]) -> Draft:
    spec, before = draft.spec, draft.current.spec if draft.current else None
    if not isinstance(spec, HostSpec) or not isinstance(before, HostSpec):
        return draft
    changes = [
        change
        for family in AddressFamily
        if (change := _change(spec, before, family, families)) is not None
    ]
    if draft.settles_vteps:
        changes = [
            (former, VtepStep(step + 1)) for former, step in changes if step < VtepStep.ALONE
        ]
    formers, steps = tuple(former for former, _ in changes), tuple(int(step) for _, step in changes)
    return replace(draft, spec=replace(spec, former_vteps=formers, vtep_steps=steps))


def _change(
    spec: HostSpec,
    before: HostSpec,
    family: AddressFamily,
    families: Collection[AddressFamily],
) -> tuple[str, VtepStep] | None:
    """What a host keeps of a family, and how far that has come.

    Of a host that moves again it is an address that everybody knows: the oldest until all have
    confirmed the one after it. Who goes back to that needs no step for others to learn it."""
    now, was = vtep_of(spec, family), vtep_of(before, family)
    former, step = former_vtep_of(before, family), vtep_step_of(before, family)
    if now == was:
        return None if former is None or step is None else (former, step)
    if now is None or was is None or (former is None and family not in families):
        return None
    if former is None or step is not VtepStep.BOTH:
        return was, VtepStep.BOTH
    return (was, VtepStep.NEW) if now == former else (former, VtepStep.BOTH)
