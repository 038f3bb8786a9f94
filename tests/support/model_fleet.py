"""A fleet's intent in memory, for the pure core's tests: what the store does, in plain Python.

It loads exactly what ``wanted`` asks for and nothing else, so that a rule that needs more is found.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from controller.domain.allocation import choose_local_vlan, choose_vnis
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    Departed,
    HostIntent,
    HostSpec,
    Kind,
    Manifest,
    Object,
    PortSpec,
    Ref,
    Removal,
    SegmentIntent,
    SegmentSpec,
    Spec,
)
from controller.domain.validation import (
    Draft,
    Elsewhere,
    Planned,
    Wanted,
    World,
    named,
    plan_change,
    wanted,
)

FLEET_UID = UUID(int=0xF1EE7)
EPOCH_START = datetime(2026, 1, 1, tzinfo=UTC)


def host(name: str, *vteps: str, **fields: object) -> Manifest:
    return manifest(Kind.HOST, name, replace(HostSpec(vteps=vteps), **fields))  # type: ignore[arg-type]


def bridge(name: str, on: str, **fields: object) -> Manifest:
    spec = BridgeSpec(host=on, interface=name[:15])
    return manifest(Kind.BRIDGE, name, replace(spec, **fields))  # type: ignore[arg-type]


def segment(name: str, **fields: object) -> Manifest:
    return manifest(Kind.SEGMENT, name, replace(SegmentSpec(), **fields))  # type: ignore[arg-type]


def port(name: str, on: str, **fields: object) -> Manifest:
    spec = PortSpec(host=on, interface=name[:15])
    return manifest(Kind.PORT, name, replace(spec, **fields))  # type: ignore[arg-type]


def manifest(kind: Kind, name: str, spec: Spec) -> Manifest:
    return Manifest(Ref(kind, DEFAULT_PROJECT, name), spec)


def removal(kind: Kind, name: str) -> Removal:
    return Removal(Ref(kind, DEFAULT_PROJECT, name))


def pointed(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Give each manifest its place in an ``apply`` request."""
    return [replace(m, pointer=f"/objects/{i}") for i, m in enumerate(manifests)]


@dataclass
class ModelFleet:
    """Current objects and the history that ``removed`` is derived from."""

    objects: dict[Ref, Object] = field(default_factory=dict)
    revision: int = 0
    _uids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _closed: list[tuple[int, Object]] = field(default_factory=list)
    _vlans: dict[UUID, dict[UUID, int]] = field(default_factory=lambda: defaultdict(dict))

    def apply(self, *manifests: Manifest) -> Planned:
        return self.commit(pointed(manifests), [])

    def delete(self, *removals: Removal) -> Planned:
        return self.commit([], removals)

    def commit(self, manifests: Sequence[Manifest], removals: Sequence[Removal]) -> Planned:
        planned = plan_change(self.world(manifests, removals), manifests, removals)
        if not planned.is_empty:
            self.revision += 1
            for draft in planned.creates + planned.updates:
                self._write(draft)
            for gone in planned.deletes:
                self._closed.append((self.revision, self.objects.pop(gone.ref)))
        return planned

    def _write(self, draft: Draft) -> None:
        current = draft.current
        if current is not None:
            self._closed.append((self.revision, current))
        self.objects[draft.ref] = Object(
            kind=draft.ref.kind,
            uid=current.uid if current else UUID(int=next(self._uids)),
            project=draft.ref.project,
            name=draft.ref.name,
            spec=draft.spec,
            revision=self.revision,
            created_at=EPOCH_START,
            updated_at=EPOCH_START,
            labels=draft.labels,
        )

    def world(self, manifests: Sequence[Manifest], removals: Sequence[Removal]) -> World:
        """Load what ``wanted`` asks for, by the letter."""
        current = {r: self.objects[r] for r in named(manifests, removals) if r in self.objects}
        want = wanted(manifests, removals, current)
        near = {ref.name for ref in want.hosts}
        loaded = {ref for ref in want.refs if ref in self.objects}
        loaded |= {o.ref for o in self.objects.values() if _host_of(o) in near}
        loaded |= {ref for ref in want.segments if ref in self.objects}
        for owner in want.host_targets:
            on_host = (o for o in self.objects.values() if _host_of(o) == owner.name)
            loaded |= {ref for o in on_host if (ref := _segment_of(o)) is not None}
        for found in self.of_kind(Kind.HOST):
            if isinstance(found.spec, HostSpec) and want.vteps & set(found.spec.vteps):
                loaded.add(found.ref)
        objects = {ref: self.objects[ref] for ref in loaded}
        return World(
            objects=objects,
            elsewhere={
                o.uid: self._elsewhere(o.ref, near, want)
                for o in objects.values()
                if o.kind is Kind.SEGMENT
            },
            vnis={vni: ref for vni, ref in self._vnis().items() if vni in want.vnis},
            free_vnis=choose_vnis(self._vnis(), want.new_vnis),
        )

    def whole_world(self, manifests: Sequence[Manifest], removals: Sequence[Removal]) -> World:
        """Load everything there is."""
        want = wanted(manifests, removals, self.objects)
        return World(
            objects=dict(self.objects),
            vnis=dict(self._vnis()),
            free_vnis=choose_vnis(self._vnis(), want.new_vnis),
        )

    def _vnis(self) -> dict[int, Ref]:
        specs = ((o.ref, o.spec) for o in self.of_kind(Kind.SEGMENT))
        return {s.vni: ref for ref, s in specs if isinstance(s, SegmentSpec) and s.vni is not None}

    def _elsewhere(self, segment: Ref, near: set[str], want: Wanted) -> Elsewhere:
        far = [(o, s) for o, s in self.ports() if _segment_of(o) == segment and s.host not in near]
        owners = [self.objects[Ref(Kind.HOST, DEFAULT_PROJECT, s.host)] for _, s in far]
        wide = [(s.mtu, o) for o, s in far if s.mtu is not None]
        return Elsewhere(
            ports=len(far),
            sample=tuple(sorted((o for o, _ in far), key=lambda o: o.name)[:10]),
            narrowest_host=min(owners, key=_underlay, default=None),
            widest_port=max(wide, key=lambda pair: pair[0], default=(0, None))[1],
            ipv6_port=next((o for o, s in far if s.mtu is None and _has_ipv6(s)), None),
            claimants=tuple(o for o, s in far if _claims(s, want)),
        )

    def of_kind(self, kind: Kind) -> list[Object]:
        return [o for o in self.objects.values() if o.kind is kind]

    def ports(self) -> list[tuple[Object, PortSpec]]:
        return [(o, o.spec) for o in self.objects.values() if isinstance(o.spec, PortSpec)]

    def host_intent(self, name: str, *, confirmed: int = 0) -> HostIntent:
        """Slice the intent for the compiler, as ``services.desired`` does."""
        owner = self.objects[Ref(Kind.HOST, DEFAULT_PROJECT, name)]
        ports = tuple(o for o, s in self.ports() if s.host == name)
        refs = {ref for o in ports if (ref := _segment_of(o)) is not None}
        segments = tuple(self._segment_intent(ref) for ref in sorted(refs, key=lambda r: r.name))
        return HostIntent(
            fleet_uid=FLEET_UID,
            fleet_epoch=1,
            revision=self.revision,
            host=owner,
            bridges=tuple(o for o in self.of_kind(Kind.BRIDGE) if _host_of(o) == name),
            ports=ports,
            segments=segments,
            local_vlans={s.segment.uid: self._vlan(owner.uid, s.segment.uid) for s in segments},
            departed=self._departed(owner, confirmed),
        )

    def _segment_intent(self, ref: Ref) -> SegmentIntent:
        names = sorted({s.host for o, s in self.ports() if _segment_of(o) == ref})
        members = tuple(self.objects[Ref(Kind.HOST, DEFAULT_PROJECT, name)] for name in names)
        return SegmentIntent(self.objects[ref], members)

    def _vlan(self, host_uid: UUID, segment_uid: UUID) -> int:
        vlans = self._vlans[host_uid]
        return vlans.setdefault(segment_uid, choose_local_vlan(set(vlans.values())))

    def _departed(self, owner: Object, confirmed: int) -> Departed:
        closed = [o for revision, o in self._closed if revision > confirmed]
        mine = [o for o in closed if _host_of(o) == owner.name]
        known = {o.ref: o.uid for o in [*self.objects.values(), *(o for _, o in self._closed)]}
        segments = {known[ref] for o in mine if (ref := _segment_of(o)) is not None}
        members = {
            (known[ref], known[Ref(Kind.HOST, DEFAULT_PROJECT, other)])
            for o in closed
            if (ref := _segment_of(o)) is not None and (other := _host_of(o)) != owner.name
        }
        return Departed(
            bridges=frozenset(o.uid for o in mine if o.kind is Kind.BRIDGE),
            ports=frozenset(o.uid for o in mine if o.kind is Kind.PORT),
            segments=frozenset(segments),
            members=frozenset(members),
        )


def _host_of(found: Object) -> str:
    return found.spec.host if isinstance(found.spec, BridgeSpec | PortSpec) else ""


def _segment_of(found: Object) -> Ref | None:
    if isinstance(found.spec, PortSpec) and found.spec.segment is not None:
        return Ref(Kind.SEGMENT, found.project, found.spec.segment)
    return None


def _underlay(found: Object) -> tuple[int, str]:
    assert isinstance(found.spec, HostSpec)
    return found.spec.underlay_mtu, found.name


def _has_ipv6(spec: PortSpec) -> bool:
    return any(":" in address for address in spec.addresses)


def _claims(spec: PortSpec, want: Wanted) -> bool:
    ips = {address.partition("/")[0] for address in spec.addresses}
    return spec.mac in want.macs or bool(ips & want.ips)
